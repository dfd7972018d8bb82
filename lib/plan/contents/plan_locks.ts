import type { Contents, FileLock } from "../../model/contents.ts";
import { descriptorNumbers } from "../../model/entry_index.ts";
import type { FilePlanner } from "./file_planner.ts";

/** flock(2), or fcntl(2) with F_SETLK or F_OFD_SETLK. */
export interface LockStep {
  readonly kind: "lock";
  readonly of: "flock" | "posix" | "ofd";
  readonly fd: number;
  /** F_RDLCK or F_WRLCK */
  readonly type: number;
  readonly start: bigint;
  /** 0: to the end of the file. */
  readonly length: bigint;
}

/** fcntl(2) with F_SETLEASE. */
export interface LeaseStep {
  readonly kind: "lease";
  readonly fd: number;
  /** F_RDLCK or F_WRLCK */
  readonly type: number;
  /** The access mode of an open(2) that makes the kernel ask for the lease back; absent: nobody has asked. */
  readonly breakBy?: number;
}

/** What fdinfo must say of a lock, without its number, its owner and its file: `"POSIX ADVISORY WRITE 0 EOF"`. */
export interface ExpectedLock {
  readonly fd: number;
  readonly line: string;
}

const F_RDLCK = 0;
const F_WRLCK = 1;
const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_WRONLY = 1;

const NAMES = { flock: "FLOCK ADVISORY", posix: "POSIX ADVISORY", ofd: "OFDLCK ADVISORY", lease: "LEASE" } as const;

/** Plans all locks; returns what is expected of them, by the id of the table that they belong to. */
export function planLocks(planner: FilePlanner): Map<number, ExpectedLock[]> {
  const { contents } = planner;
  const expected = new Map<number, ExpectedLock[]>();
  for (const lock of contents.locks) {
    const table = contents.tasks.get(lock.pid)?.table;
    if (table === undefined) continue;
    if (lock.isMandatory) {
      // What it did has gone from Linux with version 5.17: the call does nothing any more.
      planner.refuse(`task ${lock.pid}, descriptor ${lock.fd}`, "a mandatory flock (LOCK_MAND) cannot be restored");
      continue;
    }
    planner.act(table, lock.kind === "lease" ? planLease(contents, lock) : planLock(lock.kind, lock));
    const lines = expected.get(table) ?? [];
    lines.push({ fd: lock.fd, line: lineOf(lock) });
    expected.set(table, lines);
  }
  return expected;
}

function planLock(of: LockStep["of"], { fd, type, start, length }: FileLock): LockStep {
  return { kind: "lock", of, fd, type, start, length };
}

function planLease(contents: Contents, lock: FileLock): LeaseStep {
  const { fd, type, isBreaking } = lock;
  if (!isBreaking) return { kind: "lease", fd, type };
  return {
    kind: "lease",
    fd,
    ...type === F_RDLCK ? DOWNGRADE : { type: typeBefore(contents, lock), breakBy: O_WRONLY },
  };
}

/** Only a lease for writing can be asked down to one for reading: by somebody who wants to read. */
const DOWNGRADE = { type: F_WRLCK, breakBy: O_RDONLY } as const;

/** What the lease was that is to be given up: one for reading needs a file that is open for reading only (fcntl(2)). */
function typeBefore({ tasks, tables, files }: Contents, { pid, fd }: FileLock): number {
  const table = tasks.get(pid)?.table ?? -1;
  const file = files.get(descriptorNumbers.find(tables.get(table) ?? [], fd)?.file ?? -1);
  const flags = file === undefined || file.kind === "unknown" ? 0 : file.flags;
  return (flags & O_ACCMODE) === O_RDONLY ? F_RDLCK : F_WRLCK;
}

function lineOf({ kind, type, isBreaking, start, length }: FileLock): string {
  const access = type === F_WRLCK ? "WRITE" : "READ";
  if (kind === "lease") return isBreaking ? `${NAMES.lease} BREAKING * 0 EOF` : `${NAMES.lease} ACTIVE ${access} 0 EOF`;
  if (kind === "flock") return `${NAMES.flock} ${access} 0 EOF`;
  return `${NAMES[kind]} ${access} ${start} ${length === 0n ? "EOF" : start + length - 1n}`;
}
