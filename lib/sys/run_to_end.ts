import { SIGKILL } from "./constants.ts";
import type { Sys } from "./sys.ts";

/**
 * Starts a program, and waits for its end. Returns its status of wait(2).
 *
 * @throws {SysError} when it cannot be started (`posix_spawnp`); ETIMEDOUT, or EINTR where a signal wants an end: it is
 * ended, and waited for, then
 */
export function runToEnd(
  sys: Pick<Sys, "spawnProgram" | "wait" | "kill">,
  path: string,
  { timeoutMs, ...options }: Parameters<Sys["spawnProgram"]>[1] & { readonly timeoutMs: number },
): number {
  const pid = sys.spawnProgram(path, options);
  try {
    return sys.wait(pid, timeoutMs)?.status ?? 0;
  } catch (error) {
    sys.kill(pid, SIGKILL);
    sys.wait(pid, Infinity);
    throw error;
  }
}
