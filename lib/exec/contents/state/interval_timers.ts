import type { IntervalTimer } from "../../../model/task_state.ts";
import type { TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "../remote.ts";

export function compileIntervalTimers(context: ContentsContext, { timers }: TaskContents, name: string): RemoteCall[] {
  return timers.intervals.flatMap((timer, which) => {
    if (isUnused(timer)) return [];
    return [remoteCall(context, "setitimer", [which, words(...timer.interval, ...timer.left), 0], {
      attempt: `Cannot set interval timer ${which} of ${name}`,
    })];
  });
}

/** One that does not run may have an interval nevertheless. */
function isUnused({ interval, left }: IntervalTimer): boolean {
  return [...interval, ...left].every((part) => part === 0);
}
