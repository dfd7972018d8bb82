import { SysError } from "../errors.ts";
import type { Sys } from "../sys/sys.ts";
import { exitCode, exited, stopped, termSignal } from "../sys/wait_status.ts";

/**
 * Waits until the root task, a child of ours, has ended; signals that ask us for an end go on to it.
 *
 * @returns its exit status, or 128 and the signal that ended it
 */
export function waitForRoot(sys: Sys, rootPid: number): number {
  for (;;) {
    const signal = sys.takeSignal();
    if (signal !== 0) forward(sys, rootPid, signal);
    try {
      const status = sys.wait(rootPid, Infinity)?.status;
      if (status === undefined || stopped(status)) continue;
      return exited(status) ? exitCode(status) : 128 + termSignal(status);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== "EINTR") throw error;
    }
  }
}

/** In our own process group, the task has got it already, when it was typed at the terminal. */
function forward(sys: Sys, rootPid: number, signal: number): void {
  try {
    if (sys.getpgid(rootPid) !== sys.getpgid(0)) sys.kill(rootPid, signal);
  } catch (error) {
    // It has just ended, which the next wait tells.
    if (!(error instanceof SysError) || error.code !== "ESRCH") throw error;
  }
}
