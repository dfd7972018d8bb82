import type { ThreadContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, integers, remoteCall } from "../remote.ts";

const PRIO_PROCESS = 0;

/** Where the policy has priorities, the nice value is kept for another one (criu/cr-dump.c). */
export function compileScheduling(
  context: ContentsContext,
  { scheduling }: ThreadContents,
  name: string,
): RemoteCall[] {
  if (scheduling === undefined) return [];
  const { policy, priority, nice } = scheduling;
  const hints = { EPERM: "that needs CAP_SYS_NICE", EACCES: "that needs CAP_SYS_NICE" };
  return [
    remoteCall(context, "setpriority", [PRIO_PROCESS, 0, nice], {
      attempt: `Cannot set the nice value of ${name} to ${nice}`,
      hints,
    }),
    remoteCall(context, "sched_setscheduler", [0, policy, integers(priority)], {
      attempt: `Cannot set the scheduling policy of ${name} to ${policy}`,
      hints,
    }),
  ];
}
