const SIGNAL = 0x7f;
const CORE_DUMPED = 0x80;
const LAST_SIGNAL = 64;
/** SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG and SIGWINCH: none of them ends a task (signal(7)). */
const HARMLESS: ReadonlySet<number> = new Set([17, 18, 19, 20, 21, 22, 23, 28]);

/** Whether a task can have ended with a status as wait(2) tells it: by itself, or by a signal. */
export function isExitStatus(status: number): boolean {
  const signal = status & SIGNAL;
  if (signal === 0) return (status & ~0xff00) === 0;
  return (status & ~(SIGNAL | CORE_DUMPED)) === 0 && signal <= LAST_SIGNAL && !HARMLESS.has(signal);
}
