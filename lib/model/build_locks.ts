import type { Problem } from "../errors.ts";
import type { FileLockEntry } from "../gen/file_lock.ts";
import type { Contents, FileLock } from "./contents.ts";
import { descriptorNumbers } from "./entry_index.ts";

/** `flag` of images/file-lock.proto (criu/include/file-lock.h). */
const KINDS: ReadonlyMap<number, FileLock["kind"]> = new Map([
  [1, "posix"],
  [2, "flock"],
  [4, "ofd"],
  [8, "lease"],
]);

/** Of `type`, of leases. */
const LEASE_BREAKING = 4;
/** Of `type`, of flock(2): with bits for what the lock allows (asm-generic/fcntl.h). */
const LOCK_MAND = 32;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** The locks of filelocks.img. Those that no task of the checkpoint can hold are problems. */
export function buildLocks(
  entries: readonly FileLockEntry[],
  { tasks, tables, problems }: Pick<Contents, "tasks" | "tables"> & { readonly problems: Problem[] },
): FileLock[] {
  return entries.flatMap((entry, index) => {
    const where = `filelocks.img, entry ${index}`;
    const kind = KINDS.get(entry.flag);
    const lock = kind && buildLock(kind, entry);
    const what = lock === undefined ? `the kind ${entry.flag} is unknown` : lockProblem(lock, { tasks, tables });
    if (what !== undefined) problems.push({ where, what });
    return lock ?? [];
  });
}

function buildLock(kind: FileLock["kind"], { type, pid, fd, start, len: length }: FileLockEntry): FileLock {
  const isBreaking = kind === "lease" && (type & LEASE_BREAKING) !== 0;
  const isMandatory = kind === "flock" && (type & LOCK_MAND) !== 0;
  return { kind, type: isBreaking ? type & ~LEASE_BREAKING : type, isBreaking, isMandatory, pid, fd, start, length };
}

function lockProblem(
  { type, isBreaking, isMandatory, pid, fd, start, length }: FileLock,
  { tasks, tables }: Pick<Contents, "tasks" | "tables">,
): string | undefined {
  const isKnown = isMandatory || (isBreaking ? type === F_UNLCK || type === 0 : type >= 0 && type <= F_WRLCK);
  if (!isKnown) return `the type ${type} is unknown`;
  if (start < 0n || length < 0n) return `its range begins at ${start} and has ${length} bytes`;
  const task = tasks.get(pid);
  if (task === undefined) return `there is no live task ${pid}`;
  const isOpen = descriptorNumbers.find(tables.get(task.table) ?? [], fd) !== undefined;
  return isOpen ? undefined : `task ${pid} has no descriptor ${fd}`;
}
