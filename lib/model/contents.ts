import type { Segment } from "./address_space.ts";
import type { NamespaceContents } from "./namespaces.ts";
import type { NetworkLock } from "./network_lock.ts";
import type { Descriptor, OpenFile } from "./open_file.ts";
import type { TaskState, ThreadState } from "./task_state.ts";

/** The numbers by which files refer to tasks. */
export interface TreeIds {
  /** Of tasks, zombies included. */
  readonly pids: ReadonlySet<number>;
  /** Of tasks and threads. */
  readonly tids: ReadonlySet<number>;
  /** Of process groups. */
  readonly groups: ReadonlySet<number>;
}

/** What the tasks of a checkpoint hold. Ids refer to something that exists. */
export interface Contents {
  readonly namespaces: NamespaceContents;
  readonly ids: TreeIds;
  /** By pid, of the live tasks. */
  readonly tasks: ReadonlyMap<number, TaskState>;
  /** By tid, of all threads of live tasks, leaders included. */
  readonly threads: ReadonlyMap<number, ThreadState>;
  /** By id. */
  readonly files: ReadonlyMap<number, OpenFile>;
  /** By id, each by ascending descriptor; in the order in which they were dumped. */
  readonly tables: ReadonlyMap<number, readonly Descriptor[]>;
  /** By id: anonymous segments that are mapped, and contents of memfds. */
  readonly segments: ReadonlyMap<number, Segment>;
  readonly locks: readonly FileLock[];
  /** The security module of the dump's host that the profiles of threads are of. */
  readonly securityModule: SecurityModule;
  /** Absent where the network was not locked. */
  readonly networkLock?: NetworkLock;
}

/** A security module as CRIU knows them (`enum lsmtype` of images/inventory.proto). */
export type SecurityModule = "none" | "selinux" | "apparmor";

export interface FileLock {
  /** `LOCK_FLOCK`, `LOCK_POSIX`, `LOCK_OFD` or `LEASE`, as /proc/locks calls them. */
  readonly kind: "flock" | "posix" | "ofd" | "lease";
  /** F_RDLCK or F_WRLCK; of a lease that is being broken what will be left of it, F_RDLCK or F_UNLCK. */
  readonly type: number;
  /** Of a lease: its holder has been asked to give it up. */
  readonly isBreaking: boolean;
  /** Of flock(2): LOCK_MAND. */
  readonly isMandatory: boolean;
  /** A task and one of its descriptors that have it. */
  readonly pid: number;
  readonly fd: number;
  readonly start: bigint;
  /** 0: to the end of the file. */
  readonly length: bigint;
}
