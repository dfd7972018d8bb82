import { SysError } from "../../errors.ts";
import type { LeaseStep } from "../../plan/contents/plan_locks.ts";
import type { Sys } from "../../sys/sys.ts";

const O_NONBLOCK = 0o4000;

/**
 * Has the kernel ask for a lease back, where somebody had wanted the file before the dump (fcntl(2), "Leases"): it
 * begins to count anew. Its owner is set later on, so nobody is signalled.
 *
 * @throws {SysError} when the lease does not stand in the way
 */
export function breakLease(
  sys: Sys,
  { fd, breakBy, pid, name }: LeaseStep & { readonly pid: number; readonly name: string },
): void {
  if (breakBy === undefined) return;
  try {
    sys.close(sys.open(`/proc/${pid}/fd/${fd}`, breakBy | O_NONBLOCK));
  } catch (error) {
    if (error instanceof SysError && error.code === "EAGAIN") return;
    throw error;
  }
  throw new SysError(
    "open",
    "EPROTO",
    `Cannot ask ${name} for the lease of descriptor ${fd}`,
    "the file could be opened",
  );
}
