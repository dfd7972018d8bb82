import type { Opening, OpenLinkedStep, OpenPathStep } from "../../../plan/contents/files/plan_path.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { linkName, makeParents, removeName } from "./temporary_name.ts";

const AT_FDCWD = -100;
const O_PATH = 0o10000000;
const SEEK_SET = 0;

const OPEN_HINTS = {
  ENOENT: "it has gone since the plan was made",
  EACCES: "it may not be opened that way",
  ETXTBSY: "a program that is running cannot be opened for writing",
  ENXIO: "nothing is behind it",
};

export function openPath(context: FilesContext, { path, ...opening }: OpenPathStep): RemoteCall[] {
  return openAs(context, path, opening);
}

export function openLinked(context: FilesContext, { link, name, ...opening }: OpenLinkedStep): RemoteCall[] {
  return [
    ...makeParents(context, name),
    linkName(context, link, name),
    ...openAs(context, name.path, opening),
    ...removeName(context, name),
  ];
}

/** Opens what has a name, and sets its position. */
export function openAs(context: FilesContext, path: string, { handle, flags, position }: Opening): RemoteCall[] {
  return create(context, handle, (fd) => {
    const open = openFile(context, path, { flags, fd });
    if (position === undefined || position === 0n || (flags & O_PATH) !== 0) return [open];
    const seeking = { attempt: `Cannot set the position in ${JSON.stringify(path)}` };
    return [open, remoteCall(context, "lseek", [fd, position, SEEK_SET], seeking)];
  });
}

/** Opens what has a name, at the lowest descriptor. */
export function openFile(
  context: FilesContext,
  path: string,
  { flags, fd }: { readonly flags: number; readonly fd: number },
): RemoteCall {
  const purpose = { attempt: `Cannot open ${JSON.stringify(path)}`, hints: OPEN_HINTS, expected: fd };
  return remoteCall(context, "openat", [AT_FDCWD, cString(path), flags], purpose);
}
