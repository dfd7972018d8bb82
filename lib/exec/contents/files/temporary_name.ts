import type { TemporaryName } from "../../../plan/contents/files/plan_name.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import type { FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
/** For directories that are there only for a moment. */
const PRIVATE_MODE = 0o700;

const MAKE_HINTS = {
  EEXIST: "something has got this name since the plan was made",
  EROFS: "its file system is read-only",
  ENOSPC: "its file system is full",
  EDQUOT: "a quota is used up",
};

/** What the call that makes a name is for. */
export function makingName(path: string, kind: "makes-file" | "makes-directory" = "makes-file") {
  return { attempt: `Cannot make ${JSON.stringify(path)} for a while`, hints: MAKE_HINTS, effect: { kind, path } };
}

/** Makes the directories that are missing above a name. */
export function makeParents(context: FilesContext, { parents }: TemporaryName): RemoteCall[] {
  return parents.map((path) => makeDirectory(context, path));
}

/** Makes a directory that is there only for a moment. */
export function makeDirectory(context: FilesContext, path: string): RemoteCall {
  return remoteCall(context, "mkdirat", [AT_FDCWD, cString(path), PRIVATE_MODE], makingName(path, "makes-directory"));
}

/** Gives a file one more name. */
export function linkName(context: FilesContext, from: string, { path }: TemporaryName): RemoteCall {
  const hints = { ...MAKE_HINTS, EXDEV: `${JSON.stringify(from)} is on another file system` };
  const purpose = { ...makingName(path), hints };
  return remoteCall(context, "linkat", [AT_FDCWD, cString(from), AT_FDCWD, cString(path), 0], purpose);
}

/** Removes a name, and the directories above it that were made. */
export function removeName(context: FilesContext, name: TemporaryName, flags = 0): RemoteCall[] {
  return [removePath(context, name.path, flags), ...removeParents(context, name)];
}

/** Removes the directories that were made above a name. */
export function removeParents(context: FilesContext, { parents }: TemporaryName): RemoteCall[] {
  return parents.toReversed().map((parent) => removePath(context, parent, AT_REMOVEDIR));
}

function removePath(context: FilesContext, path: string, flags: number): RemoteCall {
  return remoteCall(context, "unlinkat", [AT_FDCWD, cString(path), flags], {
    attempt: `Cannot remove ${JSON.stringify(path)}, which was made for a while`,
    effect: { kind: "removes", path },
  });
}
