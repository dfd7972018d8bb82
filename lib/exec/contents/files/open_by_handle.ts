import type { OpenHandleStep } from "../../../plan/contents/files/plan_watched.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { integers, remoteCall } from "../remote.ts";
import { close, create, type FilesContext } from "./file_calls.ts";

const AT_FDCWD = -100;
const O_RDONLY = 0;
const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;

/** The directory must be open for reading, so that it cannot be one that is only named (fs/fhandle.c). */
export function openByHandle(context: FilesContext, step: OpenHandleStep): RemoteCall[] {
  const { handle, mount, what } = step;
  const { lowest } = context;
  const attempt = `Cannot open ${what}`;
  const directory = lowest.take();
  const calls = [
    remoteCall(context, "openat", [AT_FDCWD, cString(mount), O_RDONLY | O_DIRECTORY], { attempt, expected: directory }),
    ...create(context, handle, (fd) => [
      remoteCall(context, "open_by_handle_at", [directory, fileHandle(step), O_PATH], {
        attempt,
        hints: { ESTALE: "it is no longer there", EPERM: "that needs CAP_DAC_READ_SEARCH" },
        expected: fd,
      }),
    ]),
    close(context, directory),
  ];
  lowest.release(directory);
  return calls;
}

/** `struct file_handle`: size, type, and the handle itself. */
function fileHandle({ type, bytes }: OpenHandleStep): Uint8Array {
  const head = integers(bytes.length, type);
  const struct = new Uint8Array(head.length + bytes.length);
  struct.set(head);
  struct.set(bytes, head.length);
  return struct;
}
