import type { IntervalTimer } from "../../../model/task_state.ts";
import type { TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "../remote.ts";

export function compileIntervalTimers(context: ContentsContext, { timers }: TaskContents, name: string): RemoteCall[] {
  return timers.intervals.flatMap((timer, which) => {
    if (!isRunning(timer)) return [];
    return [remoteCall(context, "setitimer", [which, words(...timer.interval, ...timer.left), 0], {
      attempt: `Cannot start the interval timer ${which} of ${name}`,
    })];
  });
}

function isRunning({ left: [seconds, microseconds] }: IntervalTimer): boolean {
  return seconds !== 0 || microseconds !== 0;
}
