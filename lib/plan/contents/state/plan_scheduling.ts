import type { Problem } from "../../../errors.ts";
import type { OwnState } from "../../../host/host.ts";
import type { ThreadState } from "../../../model/task_state.ts";
import type { ThreadContents } from "../contents_plan.ts";

/** Policies of sched(7). */
const SCHED_OTHER = 0;
const SCHED_DEADLINE = 6;
const SCHED_EXT = 7;
const SCHED_RESET_ON_FORK = 0x4000_0000;

export interface SchedulingQuestions {
  /** The thread, for problems. */
  readonly where: string;
  readonly own: OwnState;
  readonly problems: Problem[];
}

/** Absent where it is cgrestore's own, which is inherited. */
export function planScheduling(
  { scheduling }: Pick<ThreadState, "scheduling">,
  { where, own, problems }: SchedulingQuestions,
): Pick<ThreadContents, "scheduling"> {
  const { policy, nice } = scheduling;
  const unknown = policyProblem(policy & ~SCHED_RESET_ON_FORK);
  if (unknown !== undefined) problems.push({ where, what: unknown });
  return policy === SCHED_OTHER && own.policy === policy && nice === own.nice ? {} : { scheduling };
}

function policyProblem(policy: number): string | undefined {
  if (policy === SCHED_DEADLINE) return "its scheduling policy is SCHED_DEADLINE, of which the images have no times";
  return policy > SCHED_EXT ? `its scheduling policy ${policy} is unknown` : undefined;
}
