import type { EventfdStep } from "../../../plan/contents/files/plan_eventfd.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall, words } from "../remote.ts";
import { create, type FilesContext, setFlags } from "./file_calls.ts";

/** What eventfd(2) takes; more has to be written. */
const INITIAL_END = 2n ** 32n;

export function makeEventfd(context: FilesContext, { handle, flags, counter, what }: EventfdStep): RemoteCall[] {
  const isLarge = counter >= INITIAL_END;
  const purpose = { attempt: `Cannot make ${what}` };
  return create(context, handle, (fd) => [
    remoteCall(context, "eventfd2", [isLarge ? 0 : counter, 0], { ...purpose, expected: fd }),
    ...isLarge ? [remoteCall(context, "write", [fd, words(counter), 8], { ...purpose, expected: 8 })] : [],
    ...setFlags(context, fd, flags),
  ]);
}
