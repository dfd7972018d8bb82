import { lastPid, listUsedPids } from "./kernel_state.ts";

/** How many neighbouring pids a reservation has. */
export const RESERVED_PIDS = 32;

const FIRST = 3000;
const LAST = 19_999;
/** So many pids may be given to others while a test runs. */
const MARGIN = 1500;
const CLAIMS = "/tmp/cgr-pids";

/** Pids for a test alone; other tests that run at the same time get other ones. */
export interface PidReservation extends Disposable {
  readonly first: number;
}

/** Reserves `RESERVED_PIDS` pids that nothing uses, and that the kernel will not give to others soon. */
export function reservePids(): PidReservation {
  const blocks = Math.floor((LAST + 1 - FIRST) / RESERVED_PIDS);
  const last = lastPid();
  // The kernel gives pids out in a circle: it is longest until it comes to those behind it.
  const start = Math.floor((Math.min(Math.max(last, FIRST), LAST) - FIRST) / RESERVED_PIDS) + blocks;
  for (let tries = 1; tries <= blocks; tries++) {
    const first = FIRST + (start - tries) % blocks * RESERVED_PIDS;
    if (!isFree(first, last)) continue;
    const claim = claimBlock(first);
    if (claim !== undefined) return { first, [Symbol.dispose]: () => claim.close() };
  }
  throw new Error(`Cannot find ${RESERVED_PIDS} free pids in a row`);
}

/**
 * Keeps other tests from reserving the pids around `pid`, which the kernel has chosen for a task of ours: when it is
 * dumped, its pid is free. Nothing where nobody would reserve it, or somebody has already.
 */
export function claimPid(pid: number): Disposable | undefined {
  if (pid < FIRST || pid > LAST) return undefined;
  const claim = claimBlock(pid - (pid - FIRST) % RESERVED_PIDS);
  return claim === undefined ? undefined : { [Symbol.dispose]: () => claim.close() };
}

/** An open file with a lock, which ends with us: no reservation outlives its test. */
function claimBlock(first: number): Deno.FsFile | undefined {
  Deno.mkdirSync(CLAIMS, { recursive: true });
  const file = Deno.openSync(`${CLAIMS}/${first}`, { read: true, write: true, create: true });
  if (file.tryLockSync(true)) return file;
  file.close();
  return undefined;
}

function isFree(first: number, last: number): boolean {
  if (last >= first - MARGIN && last < first + RESERVED_PIDS) return false;
  for (const pid of listUsedPids()) if (pid >= first && pid < first + RESERVED_PIDS) return false;
  return true;
}
