import type { FileTime, GhostFile } from "../../../model/files/path_file.ts";
import type { GhostOpening, GhostStep } from "../../../plan/contents/files/plan_ghost.ts";
import { directoryOf, type TemporaryName } from "../../../plan/contents/files/plan_name.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  SEEK_SET,
} from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import type { RemoteArgument, RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall, words } from "../remote.ts";
import { enterMounts } from "../namespaces/make_mounts.ts";
import { close, create, type FilesContext } from "./file_calls.ts";
import { openAs } from "./open_path.ts";
import { linkName, makeDirectory, makeParents, makingName, removeName, removeParents } from "./temporary_name.ts";
import { writeContent } from "./write_content.ts";

/** O_TMPFILE without the O_DIRECTORY that is part of it. */
const __O_TMPFILE = 0o20000000;
/** As long as it has a name, nobody else gets at it. */
const PRIVATE_MODE = 0o600;

/** Makes a file, opens it, and takes its name away again. */
export function makeGhost(context: FilesContext, step: GhostStep): RemoteCall[] {
  const [first, ...others] = step.names;
  if (first === undefined) return [];
  switch (step.ghost.mode & S_IFMT) {
    case S_IFREG:
      if (step.openings.some(({ flags }) => (flags & __O_TMPFILE) !== 0)) return makeUnnamed(context, step, first);
      return makeRegular(context, step, first);
    case S_IFDIR:
      return makeGhostDirectory(context, step, first);
    default:
      return [
        ...makeParents(context, first),
        ...makeNode(context, step, first.path),
        ...openByNames(context, step, [first, ...others]),
      ];
  }
}

/** A regular file; its content and attributes come when it has no name any more. */
function makeRegular(context: FilesContext, step: GhostStep, first: TemporaryName): RemoteCall[] {
  const { lowest } = context;
  const fd = lowest.take();
  const purpose = { ...makingName(first.path), expected: fd };
  const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  const calls = [
    ...makeParents(context, first),
    remoteCall(context, "openat", [AT_FDCWD, cString(first.path), flags, PRIVATE_MODE], purpose),
    ...openByNames(context, step, step.names),
    ...fillFile(context, step, fd),
    ...setAttributes(context, step, fd),
    close(context, fd),
  ];
  lowest.release(fd);
  return calls;
}

/** Gives a file its other names, opens it by all of them, and removes them. */
function openByNames(context: FilesContext, step: GhostStep, names: readonly TemporaryName[]): RemoteCall[] {
  const [first, ...others] = names;
  return [
    ...others.flatMap((name) => [...makeParents(context, name), linkName(context, first?.path ?? "", name)]),
    ...openAll(context, step),
    ...names.toReversed().flatMap((name) => removeName(context, name)),
  ];
}

/** Opens a file by its names, also in other mount namespaces that see them. */
function openAll(context: FilesContext, { openings, mountNamespace = 0 }: GhostStep): RemoteCall[] {
  const enter = (number: number) => enterMounts(context, context.mountNamespaces[number] ?? -1);
  return openings.flatMap(({ path, seenIn, ...opening }) => {
    const calls = openAs(context, path, opening);
    return seenIn === undefined ? calls : [...enter(seenIn), ...calls, ...enter(mountNamespace)];
  });
}

/** A file that never has a name (O_TMPFILE): so it can still be given one, as before the dump. */
function makeUnnamed(context: FilesContext, step: GhostStep, name: TemporaryName): RemoteCall[] {
  const [first, ...others] = step.openings;
  if (first === undefined) return [];
  const original = context.hostPath(`/proc/self/fd/${descriptorOf(context, first.handle)}`);
  const { lowest } = context;
  const directory = directoryOf(name.path);
  const calls = [
    ...makeParents(context, name),
    ...openUnnamed(context, directory, first),
    ...removeParents(context, name),
    ...others.flatMap(({ path: _, ...opening }) => openAs(context, original, opening)),
  ];
  const fd = lowest.take();
  const attempt = `Cannot write to the file without a name in ${JSON.stringify(directory)}`;
  calls.push(
    remoteCall(context, "openat", [AT_FDCWD, cString(original), O_RDWR], { attempt, expected: fd }),
    ...fillFile(context, step, fd),
    ...setAttributes(context, step, fd),
    close(context, fd),
  );
  lowest.release(fd);
  return calls;
}

function openUnnamed(context: FilesContext, directory: string, opening: GhostOpening): RemoteCall[] {
  const { handle, flags, position } = opening;
  const purpose = {
    attempt: `Cannot make a file without a name in ${JSON.stringify(directory)}`,
    hints: { EOPNOTSUPP: "its file system has no O_TMPFILE", EROFS: "its file system is read-only" },
  };
  return create(context, handle, (fd) => [
    remoteCall(context, "openat", [AT_FDCWD, cString(directory), flags, PRIVATE_MODE], { ...purpose, expected: fd }),
    ...position === undefined || position === 0n
      ? []
      : [remoteCall(context, "lseek", [fd, position, SEEK_SET], purpose)],
  ]);
}

function makeGhostDirectory(context: FilesContext, step: GhostStep, name: TemporaryName): RemoteCall[] {
  const { lowest } = context;
  const { path } = name;
  const fd = lowest.take();
  const calls = [
    ...makeParents(context, name),
    makeDirectory(context, path),
    remoteCall(context, "openat", [AT_FDCWD, cString(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW], {
      attempt: `Cannot open ${JSON.stringify(path)}`,
      expected: fd,
    }),
    ...openAll(context, step),
    ...step.inside.flatMap((inner) => makeGhost(context, inner)),
    ...removeName(context, name, AT_REMOVEDIR),
    ...setAttributes(context, step, fd),
    close(context, fd),
  ];
  lowest.release(fd);
  return calls;
}

/** A FIFO, a device or a symbolic link, with its attributes. */
function makeNode(context: FilesContext, { ghost }: GhostStep, path: string): RemoteCall[] {
  const { mode, device, target = "", uid, gid } = ghost;
  const name = cString(path);
  const isLink = (mode & S_IFMT) === S_IFLNK;
  const purpose = { attempt: `Cannot set the attributes of ${JSON.stringify(path)}` };
  const times = timesOf(ghost);
  return [
    isLink
      ? remoteCall(context, "symlinkat", [cString(target), AT_FDCWD, name], makingName(path))
      : remoteCall(context, "mknodat", [AT_FDCWD, name, mode & S_IFMT | PRIVATE_MODE, device], makingName(path)),
    remoteCall(context, "fchownat", [AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW], purpose),
    ...isLink ? [] : [remoteCall(context, "fchmodat", [AT_FDCWD, name, mode & ~S_IFMT], purpose)],
    ...times === undefined
      ? []
      : [remoteCall(context, "utimensat", [AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW], purpose)],
  ];
}

/** Gives a regular file its size, and what is between its holes. */
function fillFile(context: FilesContext, { ghost: { size, content }, what }: GhostStep, fd: number): RemoteCall[] {
  if (size === 0) return [];
  const attempt = `Cannot give ${JSON.stringify(what)} its size, which is ${size}`;
  return [
    remoteCall(context, "ftruncate", [fd, size], { attempt, hints: { EFBIG: "see RLIMIT_FSIZE" } }),
    ...writeContent(context, { fd, content, what }),
  ];
}

/** Owner, mode and times of an open file; the mode after the owner, whose change takes bits of it away. */
function setAttributes(context: FilesContext, { ghost, what }: GhostStep, fd: number): RemoteCall[] {
  const purpose = { attempt: `Cannot set owner, mode and times of ${JSON.stringify(what)}` };
  const times: RemoteArgument | undefined = timesOf(ghost);
  return [
    remoteCall(context, "fchown", [fd, ghost.uid, ghost.gid], purpose),
    remoteCall(context, "fchmod", [fd, ghost.mode & ~S_IFMT], purpose),
    ...times === undefined ? [] : [remoteCall(context, "utimensat", [fd, 0, times, 0], purpose)],
  ];
}

/** Two `struct timespec`: of the last access, and of the last change of the content. */
function timesOf({ accessTime, changeTime }: GhostFile): Uint8Array | undefined {
  if (accessTime === undefined || changeTime === undefined) return undefined;
  const timespec = ([seconds, microseconds]: FileTime) => [seconds, microseconds * 1000];
  return words(...timespec(accessTime), ...timespec(changeTime));
}
