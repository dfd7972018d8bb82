import type { ArmTimerStep, TimerfdStep } from "../../../plan/contents/files/plan_timerfd.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall, words } from "../remote.ts";
import { create, type FilesContext, setFlags } from "./file_calls.ts";

const TFD_TIMER_ABSTIME = 1;
const TFD_IOC_SET_TICKS = 0x4008_5400;
const SECOND = 1_000_000_000n;
/** For a timer that expires at once to do so. */
const MOMENT = 1_000_000n;

/** Clocks by which timers wake the machine, and those that tell the same time. */
const PLAIN_CLOCKS: ReadonlyMap<number, number> = new Map([
  [8, 0], // CLOCK_REALTIME_ALARM, CLOCK_REALTIME
  [9, 7], // CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME
]);

export function makeTimerfd(context: FilesContext, { handle, clock, flags, what }: TimerfdStep): RemoteCall[] {
  const purpose = {
    attempt: `Cannot make ${what} of clock ${clock}`,
    hints: { EPERM: "that needs CAP_WAKE_ALARM", EOPNOTSUPP: "this machine has no clock that wakes it" },
  };
  return create(context, handle, (fd) => [
    remoteCall(context, "timerfd_create", [clock, 0], { ...purpose, expected: fd }),
    ...setFlags(context, fd, flags),
  ]);
}

export function armTimerfd(context: FilesContext, step: ArmTimerStep): RemoteCall[] {
  const { handle, clock, settimeFlags, interval, ticks, isOverdue, what } = step;
  const fd = descriptorOf(context, handle);
  const purpose = { attempt: `Cannot set ${what}` };
  const left = inNanoseconds(step.left);
  const isAbsolute = (settimeFlags & TFD_TIMER_ABSTIME) !== 0 && left !== 0n;
  const value = isAbsolute ? context.now(PLAIN_CLOCKS.get(clock) ?? clock) + left : left;
  const times = timesOf(inNanoseconds(interval), value);
  return [
    remoteCall(context, "timerfd_settime", [fd, settimeFlags, times, 0], purpose),
    ...isOverdue && ticks !== 0n ? [remoteCall(context, "nanosleep", [timesOf(MOMENT), 0], purpose)] : [],
    ...ticks === 0n ? [] : [remoteCall(context, "ioctl", [fd, TFD_IOC_SET_TICKS, words(ticks)], {
      ...purpose,
      hints: { ENOTTY: "the kernel was made without CONFIG_CHECKPOINT_RESTORE" },
    })],
  ];
}

function inNanoseconds([seconds, nanoseconds]: readonly [number, number]): bigint {
  return BigInt(seconds) * SECOND + BigInt(nanoseconds);
}

/** `struct timespec`, one or several. */
function timesOf(...times: readonly bigint[]): Uint8Array {
  return words(...times.flatMap((time) => [time / SECOND, time % SECOND]));
}
