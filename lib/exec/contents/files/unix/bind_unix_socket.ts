import { absolutePath } from "../../../../model/files/unix_name.ts";
import type { BindSocket, BoundPath, NamePlace } from "../../../../plan/contents/files/unix/unix_step.ts";
import { cString } from "../../../../text.ts";
import type { RemoteCall } from "../../../../tracee/remote_call.ts";
import { descriptorOf, type Purpose, remoteCall } from "../../remote.ts";
import { close, create, type FilesContext } from "../file_calls.ts";
import { encodeAbstract, encodePath } from "./unix_address.ts";

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;
const O_PATH = 0o10000000;
const RENAME_NOREPLACE = 1;
const FSCONFIG_CMD_CREATE = 6;
const ALL_PERMISSIONS = 0o777;
const PERMISSION_BITS = 0o7777;
const DIRECTORY_MODE = 0o700;

interface Binding {
  /** The socket. */
  readonly fd: number;
  readonly what: string;
}

export function bindSocket(
  context: FilesContext,
  { handle, name, what }: BindSocket & { readonly what: string },
): RemoteCall[] {
  const binding = { fd: descriptorOf(context, handle), what };
  if (name.kind === "path") {
    return name.place.kind === "hidden"
      ? bindHidden(context, binding, { ...name, place: name.place })
      : bindVisible(context, binding, { ...name, place: name.place });
  }
  const address = encodeAbstract(name);
  return [remoteCall(context, "bind", [binding.fd, address, address.length], {
    attempt: `Cannot bind ${what}`,
    hints: { EADDRINUSE: "another socket has that name" },
  })];
}

type PathAt<Place extends NamePlace["kind"]> = BoundPath & { readonly place: NamePlace & { readonly kind: Place } };

function bindVisible(context: FilesContext, binding: Binding, name: PathAt<"visible">): RemoteCall[] {
  const { place: { aside }, path, directory } = name;
  const absolute = absolutePath(name) ?? path;
  return [
    ...aside === undefined ? [] : [setAside(context, absolute, aside)],
    ...keepingDirectory(context, () => [
      ...directory === undefined ? [] : [enter(context, directory)],
      ...bindHere(context, binding, { ...name, effect: { kind: "makes-file", path: absolute } }),
    ]),
    ...setPermissions(context, binding, name),
  ];
}

function setAside(context: FilesContext, path: string, aside: string): RemoteCall {
  const args = [AT_FDCWD, cString(path), AT_FDCWD, cString(aside), RENAME_NOREPLACE];
  return remoteCall(context, "renameat2", args, {
    attempt: `Cannot rename ${JSON.stringify(path)} to ${JSON.stringify(aside)}`,
    hints: { EEXIST: "that is left from a restore which was killed: remove it" },
    effect: { kind: "moves", path, to: aside },
  });
}

const HIDDEN_HINTS = {
  EPERM: "that needs CAP_SYS_ADMIN and CAP_SYS_CHROOT",
  ENOSYS: "Linux 5.2 or newer is needed",
};

/** A file system that is mounted nowhere is the root meanwhile; it lives as long as something in it is in use. */
function bindHidden(context: FilesContext, binding: Binding, name: PathAt<"hidden">): RemoteCall[] {
  const { place: { isRemoved }, path, directory } = name;
  const purpose: Purpose = { attempt: `Cannot bind ${binding.what} where nobody sees it`, hints: HIDDEN_HINTS };
  return [
    ...keepingRoot(context, () => [
      ...enterNewRoot(context, purpose),
      ...directoriesAbove(absolutePath(name) ?? path).map((above) => (
        remoteCall(context, "mkdirat", [AT_FDCWD, cString(above), DIRECTORY_MODE], purpose)
      )),
      ...directory === undefined ? [] : [enter(context, directory)],
      ...bindHere(context, binding, name),
      ...isRemoved ? [remoteCall(context, "unlinkat", [AT_FDCWD, cString(path), 0], purpose)] : [],
    ]),
    ...setPermissions(context, binding, name),
  ];
}

function enterNewRoot(context: FilesContext, purpose: Purpose): RemoteCall[] {
  const { lowest } = context;
  const [setup, mount] = [lowest.take(), lowest.take()];
  lowest.release(setup);
  lowest.release(mount);
  return [
    remoteCall(context, "fsopen", [cString("tmpfs"), 0], { ...purpose, expected: setup }),
    remoteCall(context, "fsconfig", [setup, FSCONFIG_CMD_CREATE, 0, 0, 0], purpose),
    remoteCall(context, "fsmount", [setup, 0, 0], { ...purpose, expected: mount }),
    remoteCall(context, "fchdir", [mount], purpose),
    remoteCall(context, "chroot", [cString(".")], purpose),
    close(context, setup),
    close(context, mount),
  ];
}

/** Makes the file with no more permissions than it will have. */
function bindHere(
  context: FilesContext,
  { fd, what }: Binding,
  { path, file, permissions, effect }: BoundPath & Pick<Purpose, "effect">,
): RemoteCall[] {
  const address = encodePath(path);
  const umask = (mask: number) => remoteCall(context, "umask", [mask], { attempt: "Cannot set the umask" });
  const bind = remoteCall(context, "bind", [fd, address, address.length], {
    attempt: `Cannot bind ${what}`,
    hints: { EADDRINUSE: "something has that name", ENOENT: "its directory has gone since the plan was made" },
    ...effect === undefined ? {} : { effect },
  });
  return [
    ...permissions === undefined ? [bind] : [umask(~permissions.mode & ALL_PERMISSIONS), bind, umask(0)],
    ...create(context, file, (opened) => [
      remoteCall(context, "openat", [AT_FDCWD, cString(path), O_PATH | O_NOFOLLOW], {
        attempt: `Cannot open the file of ${what}`,
        expected: opened,
      }),
    ]),
  ];
}

function setPermissions(context: FilesContext, { what }: Binding, { file, permissions }: BoundPath): RemoteCall[] {
  if (permissions === undefined) return [];
  const { mode, uid, gid } = permissions;
  const fd = descriptorOf(context, file);
  const purpose: Purpose = { attempt: `Cannot set the permissions of the file of ${what}` };
  return [
    remoteCall(context, "fchownat", [fd, cString(""), uid, gid, AT_EMPTY_PATH], purpose),
    remoteCall(context, "fchmodat", [
      AT_FDCWD,
      cString(context.hostPath(`/proc/self/fd/${fd}`)),
      mode & PERMISSION_BITS,
    ], purpose),
  ];
}

function keepingRoot(context: FilesContext, make: () => RemoteCall[]): RemoteCall[] {
  const back = { attempt: "Cannot go back to the root directory" };
  return keepingDirectory(context, () => (
    keeping(context, "/", (root) => [
      ...make(),
      remoteCall(context, "fchdir", [root], back),
      remoteCall(context, "chroot", [cString(".")], back),
    ])
  ));
}

function keepingDirectory(context: FilesContext, make: () => RemoteCall[]): RemoteCall[] {
  return keeping(context, ".", (directory) => [
    ...make(),
    remoteCall(context, "fchdir", [directory], { attempt: "Cannot go back to the working directory" }),
  ]);
}

/** Has a directory open meanwhile. */
function keeping(context: FilesContext, path: string, make: (fd: number) => RemoteCall[]): RemoteCall[] {
  const { lowest } = context;
  const fd = lowest.take();
  const open = remoteCall(context, "openat", [AT_FDCWD, cString(path), O_PATH | O_DIRECTORY], {
    attempt: `Cannot open "${path}"`,
    expected: fd,
  });
  const calls = [open, ...make(fd), close(context, fd)];
  lowest.release(fd);
  return calls;
}

function enter(context: FilesContext, directory: string): RemoteCall {
  return remoteCall(context, "chdir", [cString(directory)], { attempt: `Cannot enter ${JSON.stringify(directory)}` });
}

/** What has to be made for `path` to be made in an empty file system, outermost first. */
function directoriesAbove(path: string): string[] {
  const made: string[] = [];
  let above = "";
  for (const name of path.split("/").slice(0, -1)) {
    if (name === "..") above = above.slice(0, Math.max(0, above.lastIndexOf("/")));
    if (name === "" || name === "." || name === "..") continue;
    above = `${above}/${name}`;
    if (!made.includes(above)) made.push(above);
  }
  return made;
}
