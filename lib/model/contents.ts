import type { Segment } from "./address_space.ts";
import type { Descriptor, OpenFile } from "./open_file.ts";
import type { TaskState, ThreadState } from "./task_state.ts";

/** What the tasks of a checkpoint hold. Ids refer to something that exists. */
export interface Contents {
  /** By pid, of the live tasks. */
  readonly tasks: ReadonlyMap<number, TaskState>;
  /** By tid, of all threads of live tasks, leaders included. */
  readonly threads: ReadonlyMap<number, ThreadState>;
  /** By id. */
  readonly files: ReadonlyMap<number, OpenFile>;
  /** By id, each by ascending descriptor. */
  readonly tables: ReadonlyMap<number, readonly Descriptor[]>;
  /** By id: anonymous segments that are mapped, and contents of memfds. */
  readonly segments: ReadonlyMap<number, Segment>;
  readonly locks: readonly FileLock[];
}

export interface FileLock {
  /** `LOCK_FLOCK`, `LOCK_POSIX`, `LOCK_OFD` or `LEASE`, as /proc/locks calls them. */
  readonly kind: "flock" | "posix" | "ofd" | "lease";
  /** F_RDLCK or F_WRLCK, LOCK_SH or LOCK_EX: as the kind's own call takes it. */
  readonly type: number;
  readonly pid: number;
  readonly fd: number;
  readonly start: number;
  /** 0: to the end of the file. */
  readonly length: number;
}
