import { SysError } from "../errors.ts";
import { PTRACE_EVENT_STOP } from "../sys/constants.ts";
import { ptraceEvent, stopped, stopSignal } from "../sys/wait_status.ts";
import { ALL_BUT_TRAP } from "./coordinator.ts";
import type { Tracee } from "./tracee.ts";

const SIGSTOP = 19;
/** SIGTSTP, SIGTTIN and SIGTTOU: those of terminals. */
const TERMINAL_STOPS: ReadonlySet<number> = new Set([20, 21, 22]);
const STOP_TIMEOUT_MS = 10_000;

/**
 * Stops a task, all of whose threads are parked, as job control does. They go on with what we ask of them nevertheless,
 * and stop for good when they are let go; whoever is to be told of the stop has been told then.
 *
 * @param signal what shall have stopped it; SIGSTOP where that signal would not
 */
export function haltTask(leader: Tracee, others: readonly Tracee[], signal: number): void {
  if (!TERMINAL_STOPS.has(signal) || !stopBy(leader, signal)) stopBy(leader, SIGSTOP);
  for (const thread of others) {
    thread.context.sys.ptraceContinue(thread.pid, 0);
    waitForStop(thread, (status) => ptraceEvent(status) === PTRACE_EVENT_STOP);
  }
}

/** Whether the task has stopped: the signals of terminals do not stop one whose group is orphaned (signal(7)). */
function stopBy(leader: Tracee, signal: number): boolean {
  const { context: { sys, slots }, pid } = leader;
  // There is nothing to do for it, should it go on.
  slots.load(leader.slot, []);
  sys.kill(pid, SIGSTOP);
  sys.ptraceContinue(pid, 0);
  waitForStop(leader, (status) => stopSignal(status) === SIGSTOP && ptraceEvent(status) === 0);
  if (signal !== SIGSTOP) sys.ptraceSetSignalMask(pid, ALL_BUT_TRAP ^ 1n << BigInt(signal - 1));
  sys.ptraceContinue(pid, signal);
  const status = waitForStop(leader, () => true);
  if (signal !== SIGSTOP) sys.ptraceSetSignalMask(pid, ALL_BUT_TRAP);
  return ptraceEvent(status) === PTRACE_EVENT_STOP;
}

function waitForStop({ context: { sys }, pid }: Tracee, isRight: (status: number) => boolean): number {
  const status = sys.wait(pid, STOP_TIMEOUT_MS)?.status;
  if (status !== undefined && stopped(status) && isRight(status)) return status;
  throw new SysError("ptrace", "EPROTO", `Cannot stop task ${pid}`);
}
