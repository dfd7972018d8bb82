import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import type { TaskState } from "../../../model/task_state.ts";
import type { LimitStep, TaskContents } from "../contents_plan.ts";
import { planOwnLimits } from "../memory/plan_own_limits.ts";

const RLIMIT_NOFILE = 7;
const RLIMIT_SIGPENDING = 11;
/** By which a thread may set its scheduling without a capability. */
const OF_SCHEDULING: readonly number[] = [13, 14];
const UNLIMITED = 2n ** 64n - 1n;

/** What planning limits has to know. */
export interface LimitQuestions {
  /** The task, for problems. */
  readonly where: string;
  /** How many signals and timers have to be queued in the task, each of which counts for RLIMIT_SIGPENDING. */
  readonly queued: number;
  readonly host: Pick<Host, "own" | "capabilities" | "maxDescriptors" | "user">;
  readonly problems: Problem[];
}

/** Limits that differ from those that tasks are born with, which are cgrestore's own. */
export function planLimits(
  { limits }: Pick<TaskState, "limits">,
  questions: LimitQuestions,
): Pick<TaskContents, "limits" | "lastLimits"> {
  const { host: { own }, queued } = questions;
  const steps = limits.map((limit, resource): LimitStep => ({ resource, ...limit }));
  // The coordinator raises these, and that of open files.
  const raisedHere = new Set([RLIMIT_NOFILE, ...planOwnLimits(questions.host).map(({ resource }) => resource)]);
  checkLimits(steps, questions);
  const changed = steps.filter(({ resource, soft, hard }) => {
    const inherited = own.limits[resource];
    return inherited?.soft !== soft || inherited.hard !== hard || raisedHere.has(resource);
  });
  const isLast = ({ resource }: LimitStep) => (
    resource === RLIMIT_SIGPENDING ? queued > 0 : questions.host.user !== undefined && OF_SCHEDULING.includes(resource)
  );
  const signals = own.limits[RLIMIT_SIGPENDING]?.soft ?? 0n;
  const raised = BigInt(queued) > signals ? [{ resource: RLIMIT_SIGPENDING, soft: UNLIMITED, hard: UNLIMITED }] : [];
  return {
    limits: [...raised, ...changed.filter((step) => !isLast(step))],
    lastLimits: steps.filter((step) => isLast(step) && (raised.length > 0 || changed.includes(step))),
  };
}

function checkLimits(steps: readonly LimitStep[], { where, host, problems }: LimitQuestions): void {
  const files = steps[RLIMIT_NOFILE]?.hard ?? 0n;
  if (files > host.maxDescriptors) {
    const what =
      `its limit of open files is ${files}, and ${host.maxDescriptors} are allowed here: see the sysctl fs.nr_open`;
    problems.push({ where, what });
  }
  if (host.capabilities.has("CAP_SYS_RESOURCE")) return;
  const raised = steps.filter(({ resource, hard }) => hard > (host.own.limits[resource]?.hard ?? UNLIMITED));
  if (raised.length === 0) return;
  const numbers = raised.map(({ resource }) => resource).join(", ");
  problems.push({ where, what: `CAP_SYS_RESOURCE is missing, to raise its resource limits ${numbers}` });
}
