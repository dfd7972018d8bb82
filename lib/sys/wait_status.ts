/** Readers of the status word of waitpid(2), as the macros of `bits/waitstatus.h` define it, and ptrace(2) extends it. */

/** Whether the task ended by exit(2). */
export function exited(status: number): boolean {
  return (status & 0x7f) === 0;
}

/** The exit code, 0 to 255; meaningful when `exited`. */
export function exitCode(status: number): number {
  return (status >> 8) & 0xff;
}

/** Whether a signal ended the task. */
export function signaled(status: number): boolean {
  const low = status & 0x7f;
  return low !== 0 && low !== 0x7f;
}

/** The signal that ended the task; meaningful when `signaled`. */
export function termSignal(status: number): number {
  return status & 0x7f;
}

/** Whether the task stopped: by a signal, or for its tracer. */
export function stopped(status: number): boolean {
  return (status & 0xff) === 0x7f;
}

/** The signal of the stop, with 0x80 set in system call stops under PTRACE_O_TRACESYSGOOD; meaningful when `stopped`. */
export function stopSignal(status: number): number {
  return (status >> 8) & 0xff;
}

/** The PTRACE_EVENT_* of the stop, 0 when it is none; meaningful when `stopped`. */
export function ptraceEvent(status: number): number {
  return status >>> 16;
}
