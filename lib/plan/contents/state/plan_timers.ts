import type { Problem } from "../../../errors.ts";
import type { IntervalTimer, Timers } from "../../../model/task_state.ts";

/** Beyond it, making all timers with lower ids and deleting them again takes too long. */
const HIGHEST_COUNTED_ID = 2 ** 16;

export interface TimerQuestions {
  /** The task, for problems. */
  readonly where: string;
  /** Whether the kernel lets the ids of timers be chosen. */
  readonly choosesIds: boolean;
  readonly problems: Problem[];
}

/** The timers of a task, as they are set. */
export function planTimers(timers: Timers, { where, choosesIds, problems }: TimerQuestions): Timers {
  const last = timers.posix.at(-1)?.id ?? 0;
  if (!choosesIds && last > HIGHEST_COUNTED_ID) {
    problems.push({ where, what: `its timer ${last} can have that id in Linux 6.16 or newer only` });
  }
  const [real, ...others] = timers.intervals;
  return { ...timers, intervals: [planRealTimer(real), ...others] };
}

/**
 * A real timer that has run out goes on when its signal is taken, and until then nothing is left of its time
 * (kernel/signal.c). Nobody can bring about that state, so it begins with its interval.
 */
function planRealTimer(timer: IntervalTimer): IntervalTimer {
  return timer.left.every((part) => part === 0) ? { ...timer, left: timer.interval } : timer;
}
