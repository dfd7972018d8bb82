import type { SignalfdStep } from "../../../plan/contents/files/plan_signalfd.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall, words } from "../remote.ts";
import { create, type FilesContext, setFlags } from "./file_calls.ts";

const NEW = -1;
/** Bytes of a set of signals in the kernel. */
const SET_SIZE = 8;

export function makeSignalfd(context: FilesContext, { handle, flags, mask, what }: SignalfdStep): RemoteCall[] {
  return create(context, handle, (fd) => [
    remoteCall(context, "signalfd4", [NEW, words(mask), SET_SIZE, 0], { attempt: `Cannot make ${what}`, expected: fd }),
    ...setFlags(context, fd, flags),
  ]);
}
