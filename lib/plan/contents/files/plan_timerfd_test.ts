import { deepEqual as assertEquals } from "node:assert/strict";
import type { TimerFile } from "../../../model/files/event_files.ts";
import { planSmallTree } from "../../../../tests/support/small_contents.ts";
import type { ArmTimerStep } from "./plan_timerfd.ts";

const UNSET: TimerFile = {
  kind: "timerfd",
  id: 4,
  flags: 2,
  clock: 1,
  ticks: 0n,
  settimeFlags: 0,
  left: [0, 0],
  interval: [0, 0],
};

const ROWS: readonly [name: string, file: Partial<TimerFile>, step: Partial<ArmTimerStep> | undefined][] = [
  ["that was never set", {}, undefined],
  ["that runs", { left: [5, 6] }, { left: [5, 6], ticks: 0n, isOverdue: false }],
  ["with an interval", { left: [5, 6], interval: [1, 0] }, { left: [5, 6], interval: [1, 0], isOverdue: false }],
  ["that has expired", { ticks: 1n }, { left: [0, 0], ticks: 1n, isOverdue: false }],
  ["whose expirations were counted", { ticks: 9n, left: [1, 0], interval: [2, 0] }, { left: [1, 0], ticks: 9n }],
  ["that is overdue", { ticks: 1n, interval: [2, 0] }, { left: [0, 1], ticks: 0n, isOverdue: true }],
  ["that is overdue again", { ticks: 3n, interval: [2, 0] }, { left: [0, 1], ticks: 3n, isOverdue: true }],
  ["that was disarmed", { settimeFlags: 1 }, { left: [0, 0], settimeFlags: 1, isOverdue: false }],
  ["that lost its time only", { interval: [2, 0] }, { left: [0, 0], interval: [2, 0], isOverdue: false }],
];

Deno.test("planTimerfd() sets a timer", async (t) => {
  for (const [name, changes, expected] of ROWS) {
    await t.step(name, () => {
      const planner = planSmallTree({ files: [{ ...UNSET, ...changes }], tasks: { 77: { 4: 4 } } });
      const [step] = planner.last as ArmTimerStep[];
      const found = expected === undefined ? step : step && pick(step, expected);
      assertEquals(found, expected);
    });
  }
});

function pick<T extends object>(value: T, keys: Partial<T>): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key in keys)) as Partial<T>;
}

Deno.test("planTimerfd() refuses a clock that the kernel has no timers of", () => {
  const planner = planSmallTree({ files: [{ ...UNSET, clock: 3 }], tasks: { 77: { 4: 4 } } });
  const what = "a timerfd of the unknown clock 3 cannot be restored";
  assertEquals(planner.problems, [{ where: "task 77, descriptor 4", what }]);
});
