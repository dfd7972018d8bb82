import type { ThreadContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "../remote.ts";

/** What the C library has told the kernel of a thread. */
export function compileLibraryState(context: ContentsContext, thread: ThreadContents, name: string): RemoteCall[] {
  const { registers: { isCompat }, clearTid, robustList, alternateStack, rseq } = thread;
  const calls = [
    remoteCall(context, "set_tid_address", [clearTid], { attempt: `Cannot set the address of the tid of ${name}` }),
  ];
  if (robustList.length > 0) {
    const call = isCompat ? "compat_set_robust_list" : "set_robust_list";
    calls.push(remoteCall(context, call, [robustList.head, robustList.length], {
      attempt: `Cannot set the list of robust futexes of ${name}`,
    }));
  }
  if (alternateStack !== undefined) {
    const { pointer, size, flags } = alternateStack;
    calls.push(remoteCall(context, "sigaltstack", [words(pointer, flags >>> 0, size), 0], {
      attempt: `Cannot set the alternate signal stack of ${name}`,
    }));
  }
  if (rseq !== undefined) {
    calls.push(remoteCall(context, "rseq", [rseq.address, rseq.size, 0, rseq.signature], {
      attempt: `Cannot register restartable sequences of ${name}`,
      hints: { EINVAL: "this kernel does not take their size", ENOSYS: "Linux 4.18 or newer is needed" },
    }));
  }
  return calls;
}
