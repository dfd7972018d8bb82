import { signalOf } from "../../../model/siginfo.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";

/** A signal comes with all that was known of it; to itself, a task may say anything (rt_sigqueueinfo(2)). */
export function queueSignals(
  context: ContentsContext,
  signals: readonly Uint8Array[],
  { tgid, tid, name }: { readonly tgid: number; readonly tid: number | undefined; readonly name: string },
): RemoteCall[] {
  return signals.map((siginfo) => {
    const signal = signalOf(siginfo);
    const purpose = {
      attempt: `Cannot queue signal ${signal} of ${name}`,
      hints: { EAGAIN: "RLIMIT_SIGPENDING is too low" },
    };
    if (tid === undefined) return remoteCall(context, "rt_sigqueueinfo", [tgid, signal, siginfo], purpose);
    return remoteCall(context, "rt_tgsigqueueinfo", [tgid, tid, signal, siginfo], purpose);
  });
}
