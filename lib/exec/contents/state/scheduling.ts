import type { ThreadContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, integers, remoteCall } from "../remote.ts";

const PRIO_PROCESS = 0;
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

export function compileScheduling(
  context: ContentsContext,
  { scheduling }: ThreadContents,
  name: string,
): RemoteCall[] {
  if (scheduling === undefined) return [];
  const { policy, priority, nice } = scheduling;
  const hints = { EPERM: "that needs CAP_SYS_NICE" };
  const calls = [
    remoteCall(context, "sched_setscheduler", [0, policy, integers(priority)], {
      attempt: `Cannot set the scheduling policy of ${name} to ${policy}`,
      hints,
    }),
  ];
  if (policy !== SCHED_OTHER && policy !== SCHED_BATCH) return calls;
  calls.push(remoteCall(context, "setpriority", [PRIO_PROCESS, 0, nice], {
    attempt: `Cannot set the nice value of ${name} to ${nice}`,
    hints: { ...hints, EACCES: hints.EPERM },
  }));
  return calls;
}
