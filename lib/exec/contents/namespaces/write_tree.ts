import type { NewFileSystem } from "../../../plan/contents/namespaces/mounts_plan.ts";
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  SEEK_SET,
} from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import type { RemoteArgument, RemoteCall } from "../../../tracee/remote_call.ts";
import { type Purpose, remoteCall, words } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";

type File = NewFileSystem["files"][number];

/** As long as it is not whole, nobody else gets at it. */
const PRIVATE_MODE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
/** So much is written at once. */
const PIECE = 256 * 1024;

/** Puts its files into a new file system, on whose root `directory` is open. What they are in comes before them. */
export function writeTree(
  context: NamespacesContext,
  { directory, files, what }: { readonly directory: number; readonly files: readonly File[]; readonly what: string },
): RemoteCall[] {
  const purpose = {
    attempt: `Cannot write the files of the mount ${JSON.stringify(what)}`,
    hints: { ENOSPC: "it is full", EINVAL: "its archive is damaged" },
  };
  const writer = { context, directory, purpose };
  return [
    ...files.flatMap((file) => writeOne(writer, file)),
    // What is put into a directory changes its times.
    ...files.filter(isDirectory).toReversed().map((file) => setTimes(writer, file)),
  ];
}

interface FileWriter {
  readonly context: NamespacesContext;
  readonly directory: number;
  readonly purpose: Purpose;
}

function isDirectory({ mode }: File): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

function writeOne(writer: FileWriter, file: File): RemoteCall[] {
  const { context, directory, purpose } = writer;
  const path = cString(file.path);
  if (file.sameAs !== undefined) {
    return [remoteCall(context, "linkat", [directory, cString(file.sameAs), directory, path, 0], purpose)];
  }
  switch (file.mode & S_IFMT) {
    case S_IFREG:
      return [...writeRegular(writer, file), ...setOwner(writer, file), setTimes(writer, file)];
    case S_IFDIR: {
      const make = remoteCall(context, "mkdirat", [directory, path, PRIVATE_DIRECTORY], purpose);
      return [...file.path === "" ? [] : [make], ...setOwner(writer, file)];
    }
    case S_IFLNK: {
      const make = remoteCall(context, "symlinkat", [cString(file.target ?? ""), directory, path], purpose);
      return [make, ...setOwner(writer, file), setTimes(writer, file)];
    }
    default: {
      const mode = file.mode & S_IFMT | PRIVATE_MODE;
      const make = remoteCall(context, "mknodat", [directory, path, mode, file.device], purpose);
      return [make, ...setOwner(writer, file), setTimes(writer, file)];
    }
  }
}

function writeRegular({ context, directory, purpose }: FileWriter, { path, size, parts }: File): RemoteCall[] {
  const fd = context.lowest.peek();
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const written = parts.reduce((end, { position, bytes }) => Math.max(end, position + bytes.length), 0);
  return [
    remoteCall(context, "openat", [directory, cString(path), flags, PRIVATE_MODE], { ...purpose, expected: fd }),
    ...parts.flatMap(({ position, bytes }) => [
      ...position === 0 ? [] : [remoteCall(context, "lseek", [fd, position, SEEK_SET], purpose)],
      ...piecesOf(bytes).map((piece) => (
        remoteCall(context, "write", [fd, piece, piece.length], { ...purpose, expected: piece.length })
      )),
    ]),
    ...written === size ? [] : [remoteCall(context, "ftruncate", [fd, size], purpose)],
    remoteCall(context, "close", [fd], purpose),
  ];
}

function piecesOf(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let done = 0; done < bytes.length; done += PIECE) pieces.push(bytes.subarray(done, done + PIECE));
  return pieces;
}

/** The mode after the owner, whose change takes bits of it away. */
function setOwner({ context, directory, purpose }: FileWriter, { path, mode, uid, gid }: File): RemoteCall[] {
  const flags = AT_SYMLINK_NOFOLLOW | (path === "" ? AT_EMPTY_PATH : 0);
  const own = remoteCall(context, "fchownat", [directory, cString(path), uid, gid, flags], purpose);
  if ((mode & S_IFMT) === S_IFLNK) return [own];
  return [own, remoteCall(context, "fchmodat", [directory, cString(path || "."), mode & ~S_IFMT], purpose)];
}

/** Of access, an archive does not tell. */
function setTimes({ context, directory, purpose }: FileWriter, { path, changeTime }: File): RemoteCall {
  const times = words(changeTime, 0, changeTime, 0);
  const args: RemoteArgument[] = [directory, cString(path || "."), times, AT_SYMLINK_NOFOLLOW];
  return remoteCall(context, "utimensat", args, purpose);
}
