import { deepEqual as assertEquals } from "node:assert/strict";
import type { ArmTimerStep } from "../../../plan/contents/files/plan_timerfd.ts";
import { SYSCALLS_X86_64 } from "../../../tracee/syscalls_x86_64.ts";
import type { FilesContext } from "./file_calls.ts";
import { armTimerfd } from "./make_timerfd.ts";

const TFD_TIMER_ABSTIME = 1;
const SECOND = 1_000_000_000n;

/** Each clock shows as many thousands of seconds as its number says, and half a second more. */
const CONTEXT = {
  numbers: SYSCALLS_X86_64,
  base: 100,
  now: (clock: number) => BigInt(clock) * 1000n * SECOND + SECOND / 2n,
} as FilesContext;

const STEP: ArmTimerStep = {
  ...{ kind: "arm-timerfd", what: "a timerfd", handle: 0, clock: 1, settimeFlags: 0 },
  ...{ left: [5, 600_000_000], interval: [2, 3], ticks: 0n, isOverdue: false },
};

const TIMES: readonly [name: string, step: Partial<ArmTimerStep>, words: bigint[]][] = [
  ["relative", {}, [2n, 3n, 5n, 600_000_000n]],
  ["absolute", { settimeFlags: TFD_TIMER_ABSTIME }, [2n, 3n, 1006n, 100_000_000n]],
  ["absolute, of a clock that wakes", { settimeFlags: TFD_TIMER_ABSTIME, clock: 9 }, [2n, 3n, 7006n, 100_000_000n]],
  ["absolute, and disarmed", { settimeFlags: TFD_TIMER_ABSTIME, left: [0, 0] }, [2n, 3n, 0n, 0n]],
];

Deno.test("armTimerfd() sets times that are", async (t) => {
  for (const [name, changes, words] of TIMES) {
    await t.step(name, () => {
      const [call] = armTimerfd(CONTEXT, { ...STEP, ...changes });
      const times = call?.arguments[2];
      assertEquals(times instanceof Uint8Array && [...new BigUint64Array(times.slice().buffer)], words);
    });
  }
});

const TICKS: readonly [name: string, step: Partial<ArmTimerStep>, calls: string[]][] = [
  ["without expirations", {}, ["timerfd_settime"]],
  ["that has expired", { ticks: 1n }, ["timerfd_settime", "ioctl"]],
  ["that expires once more", { ticks: 0n, isOverdue: true }, ["timerfd_settime"]],
  ["that has expired more often", { ticks: 3n, isOverdue: true }, ["timerfd_settime", "nanosleep", "ioctl"]],
];

Deno.test("armTimerfd() counts the expirations of a timer", async (t) => {
  for (const [name, changes, calls] of TICKS) {
    await t.step(name, () => {
      assertEquals(armTimerfd(CONTEXT, { ...STEP, ...changes }).map(({ purpose }) => purpose.call), calls);
    });
  }
});
