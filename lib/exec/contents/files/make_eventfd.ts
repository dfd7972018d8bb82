import type { EventfdStep } from "../../../plan/contents/files/plan_eventfd.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";

const O_NONBLOCK = 0o4000;

/** Without EFD_SEMAPHORE: the images do not tell. */
export function makeEventfd(context: FilesContext, { handle, flags, counter, what }: EventfdStep): RemoteCall[] {
  return create(context, handle, (fd) => [
    remoteCall(context, "eventfd2", [counter, flags & O_NONBLOCK], { attempt: `Cannot make ${what}`, expected: fd }),
  ]);
}
