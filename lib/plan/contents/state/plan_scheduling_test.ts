import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../../../errors.ts";
import type { ThreadState } from "../../../model/task_state.ts";
import { planScheduling } from "./plan_scheduling.ts";

interface Row extends Partial<ThreadState["scheduling"]> {
  readonly what: string;
  /** Whether cgrestore's own is inherited. */
  readonly isOwn?: boolean;
  readonly problem?: string;
}

const RESET = 0x4000_0000;

const ROWS: readonly Row[] = [
  { what: "as cgrestore's", nice: 5, isOwn: true },
  { what: "another nice value", nice: -20 },
  { what: "no such nice value", nice: 20, problem: "its nice value cannot be 20" },
  { what: "batch", policy: 3, nice: 19 },
  {
    what: "one without priorities, with one",
    policy: 5,
    priority: 1,
    problem: "its scheduling policy has no priorities, and its priority is 1",
  },
  { what: "first in, first out", policy: 1, priority: 1 },
  { what: "in turn, not for children", policy: 2 | RESET, priority: 99 },
  {
    what: "no such priority",
    policy: 2,
    priority: 100,
    problem: "its scheduling policy is SCHED_RR, and its priority cannot be 100",
  },
  {
    what: "a priority that was not dumped",
    policy: 1 | RESET,
    problem: "its scheduling policy is SCHED_FIFO, and the images do not have its priority",
  },
  {
    what: "a deadline",
    policy: 6 | RESET,
    problem: "its scheduling policy is SCHED_DEADLINE, of which the images have no times",
  },
  { what: "one that there is not", policy: 4, problem: "its scheduling policy 4 is unknown" },
];

Deno.test("planScheduling()", async (t) => {
  for (const { what, isOwn = false, problem, policy = 0, priority = 0, nice = 0 } of ROWS) {
    await t.step(what, () => {
      const problems: Problem[] = [];
      const scheduling = { policy, priority, nice };
      const planned = planScheduling({ scheduling }, { where: "thread 5", own: { policy: 0, nice: 5 }, problems });
      assertEquals(planned, isOwn ? {} : { scheduling });
      assertEquals(problems, problem === undefined ? [] : [{ where: "thread 5", what: problem }]);
    });
  }
});
