import type { OpenPathStep } from "../../../plan/contents/files/plan_path.ts";
import { cString, type RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const O_PATH = 0o10000000;
const SEEK_SET = 0;

const OPEN_HINTS = {
  ENOENT: "it has gone since the plan was made",
  EACCES: "it may not be opened that way",
  ETXTBSY: "a program that is running cannot be opened for writing",
  ENXIO: "nothing is behind it",
};

export function openPath(context: FilesContext, { handle, path, flags, position }: OpenPathStep): RemoteCall[] {
  const attempt = `Cannot open ${JSON.stringify(path)}`;
  return create(context, handle, (fd) => {
    const open = remoteCall(context, "openat", [AT_FDCWD, cString(path), flags], {
      attempt,
      hints: OPEN_HINTS,
      expected: fd,
    });
    if (position === undefined || position === 0n || (flags & O_PATH) !== 0) return [open];
    return [open, remoteCall(context, "lseek", [fd, position, SEEK_SET], { attempt: `Cannot seek in "${path}"` })];
  });
}
