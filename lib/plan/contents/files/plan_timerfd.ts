import type { TimerFile } from "../../../model/files/event_files.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** timerfd_create(2) */
export interface TimerfdStep extends StepBase {
  readonly kind: "make-timerfd";
  readonly handle: Handle;
  readonly clock: number;
  readonly flags: number;
}

/** timerfd_settime(2): as late as can be, for time goes on. */
export interface ArmTimerStep extends StepBase {
  readonly kind: "arm-timerfd";
  readonly handle: Handle;
  readonly clock: number;
  /** TFD_TIMER_* */
  readonly settimeFlags: number;
  /** From then on, also where the flags say that times are absolute. */
  readonly left: Time;
  readonly interval: Time;
  /** Expirations to be read, when the timer has been set (and, with `isOverdue`, has expired); 0: as it makes them. */
  readonly ticks: bigint;
  /** It expires at once. */
  readonly isOverdue: boolean;
}

type Time = readonly [seconds: number, nanoseconds: number];

const NONE: Time = [0, 0];
const SOON: Time = [0, 1];

/** Clocks that the kernel has timers of (timerfd_create(2)). */
const CLOCKS: ReadonlySet<number> = new Set([
  0, // CLOCK_REALTIME
  1, // CLOCK_MONOTONIC
  7, // CLOCK_BOOTTIME
  8, // CLOCK_REALTIME_ALARM
  9, // CLOCK_BOOTTIME_ALARM
]);

export function planTimerfd(planner: FilePlanner, file: TimerFile, holder: string): Handle | undefined {
  const { id, flags, clock } = file;
  if (!CLOCKS.has(clock)) return planner.refuse(holder, `a timerfd of the unknown clock ${clock} cannot be restored`);
  const handle = planner.fileHandle(id, { link: "anon_inode:[timerfd]", flags, lines: expectedLines(file) });
  planner.late.push({ kind: "make-timerfd", handle, what: "a timerfd", clock, flags });
  if (wasSet(file)) planner.last.push(planArming(file, handle));
  return handle;
}

function wasSet({ settimeFlags, left, interval, ticks }: TimerFile): boolean {
  return settimeFlags !== 0 || isSome(left) || isSome(interval) || ticks !== 0n;
}

/**
 * The kernel counts on when expirations are read: until then, a timer with an interval that has expired tells that
 * nothing is left (fs/timerfd.c). It goes on, its next expiration at once.
 */
function planArming({ clock, settimeFlags, left, interval, ticks }: TimerFile, handle: Handle): ArmTimerStep {
  const isOverdue = ticks > 0n && !isSome(left) && isSome(interval);
  return {
    kind: "arm-timerfd",
    handle,
    what: "a timerfd",
    clock,
    settimeFlags,
    left: isOverdue ? SOON : left,
    interval,
    ticks: isOverdue && ticks === 1n ? 0n : ticks,
    isOverdue,
  };
}

/** A timer that runs may have expired by then, once or more often. */
function expectedLines({ clock, settimeFlags, left, interval, ticks }: TimerFile): string[] {
  return [
    `clockid: ${clock}`,
    `settime flags: 0${settimeFlags.toString(8)}`,
    `it_interval: (${interval.join(", ")})`,
    ...isSome(left) || isSome(interval) ? [] : [`it_value: (${NONE.join(", ")})`, `ticks: ${ticks}`],
  ];
}

function isSome([seconds, nanoseconds]: Time): boolean {
  return seconds !== 0 || nanoseconds !== 0;
}
