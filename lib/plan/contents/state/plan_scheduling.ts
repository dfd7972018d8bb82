import type { Problem } from "../../../errors.ts";
import type { OwnState } from "../../../host/host.ts";
import type { ThreadState } from "../../../model/task_state.ts";
import type { ThreadContents } from "../contents_plan.ts";

/** Policies of sched(7). */
const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_DEADLINE = 6;
const SCHED_RESET_ON_FORK = 0x4000_0000;
/** Other, batch, idle, and the kernel's extensions. */
const WITHOUT_PRIORITY: readonly number[] = [SCHED_OTHER, 3, 5, 7];
const LOWEST_NICE = -20;
const HIGHEST_NICE = 19;

export interface SchedulingQuestions {
  /** The thread, for problems. */
  readonly where: string;
  readonly own: Pick<OwnState, "policy" | "nice">;
  readonly problems: Problem[];
}

/** Absent where it is cgrestore's own, which is inherited. */
export function planScheduling(
  { scheduling }: Pick<ThreadState, "scheduling">,
  { where, own, problems }: SchedulingQuestions,
): Pick<ThreadContents, "scheduling"> {
  const { policy, nice } = scheduling;
  const unfit = findProblem(scheduling);
  if (unfit !== undefined) problems.push({ where, what: unfit });
  return policy === SCHED_OTHER && own.policy === policy && nice === own.nice ? {} : { scheduling };
}

function findProblem({ policy, priority, nice }: ThreadState["scheduling"]): string | undefined {
  const kind = policy & ~SCHED_RESET_ON_FORK;
  if (nice < LOWEST_NICE || nice > HIGHEST_NICE) return `its nice value cannot be ${nice}`;
  if (kind === SCHED_DEADLINE) return "its scheduling policy is SCHED_DEADLINE, of which the images have no times";
  if (kind === SCHED_FIFO || kind === SCHED_RR) return priorityProblem(kind, priority);
  if (!WITHOUT_PRIORITY.includes(kind)) return `its scheduling policy ${kind} is unknown`;
  return priority === 0 ? undefined : `its scheduling policy has no priorities, and its priority is ${priority}`;
}

function priorityProblem(kind: number, priority: number): string | undefined {
  const name = kind === SCHED_FIFO ? "SCHED_FIFO" : "SCHED_RR";
  // CRIU before 4.0 takes such a policy with SCHED_RESET_ON_FORK for one without priorities (`dump_sched_info`).
  if (priority === 0) return `its scheduling policy is ${name}, and the images do not have its priority`;
  return priority <= 99 ? undefined : `its scheduling policy is ${name}, and its priority cannot be ${priority}`;
}
