import type { Contents } from "./contents.ts";
import type { HierarchyName } from "./hierarchy.ts";

/**
 * A checkpoint, read and checked: what there is to restore, in this project's own words.
 *
 * It is plain, frozen-by-type data. Everything that refers to something else in it (a parent, a set) refers to
 * something that exists; `buildCheckpoint` refuses the rest.
 */
export interface Checkpoint {
  /** `img_version` of inventory.img: 1 is v1, 2 is v1.1 (WIRE facts: criu/include/image.h). */
  readonly imageVersion: 1 | 2;
  /** The processor on which all tasks ran (`mtype` of the core images). */
  readonly architecture: ArchitectureName;
  /** Set in which the dumping CRIU itself was: its members are wherever cgrestore is. Absent in unprivileged dumps. */
  readonly ownSet?: number;
  /** Parents before children; siblings by ascending pid. The first is the root. Never empty. */
  readonly tasks: readonly Task[];
  /** By id. `ownSet` is not among them: CRIU does not write it. */
  readonly sets: ReadonlyMap<number, CgroupSet>;
  /** The dumped cgroup directories, one entry for each hierarchy, sorted by name. */
  readonly controllers: readonly ControllerTree[];
  /** Namespaces in which the tasks lived and the dumping CRIU did not. */
  readonly namespaces: ReadonlySet<NamespaceKind>;
  /** The key of the pid namespace that the tasks were in, when the dump has left that to the user to provide. */
  readonly externalPidNamespace?: string;
  /** By kind, the tasks that were in another namespace than the root, by ascending pid; kinds without any are not in it. */
  readonly strangers: ReadonlyMap<NamespaceKind, readonly number[]>;
  /** What the tasks hold; absent when that was not read. */
  readonly contents?: Contents;
}

/** As CRIU's images call them (`march` of images/core.proto), in lower case. */
export type ArchitectureName = "x86_64" | "arm" | "aarch64" | "ppc64" | "s390" | "mips" | "loongarch64" | "riscv64";

export type NamespaceKind = "pid" | "net" | "ipc" | "uts" | "mnt" | "user" | "cgroup" | "time";

/** A process: its threads, and its place in the tree of tasks. Pids are those of the tasks' own pid namespace. */
export interface Task {
  readonly pid: number;
  /** 0 for the root. */
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly state: "alive" | "stopped" | "zombie";
  /** wait(2) status word of a zombie; 0 otherwise. */
  readonly exitStatus: number;
  /** The signal that stopped a stopped task; 0 when the image does not say. */
  readonly stopSignal: number;
  /** Whether orphans among its descendants become its children (`PR_SET_CHILD_SUBREAPER`). */
  readonly childSubreaper: boolean;
  /** 15 bytes at most. */
  readonly comm: string;
  /** Cgroup set of the leader; absent for zombies and in dumps without cgroups: stays where it is born. */
  readonly set?: number;
  /** The threads other than the leader, by ascending tid. Empty for zombies. */
  readonly threads: readonly Thread[];
}

export interface Thread {
  readonly tid: number;
  /** As the leader's when the image does not say. */
  readonly comm: string;
  /** Cgroup set; absent: that of the leader. */
  readonly set?: number;
}

/** Where a task is: one cgroup in every hierarchy. */
export interface CgroupSet {
  readonly id: number;
  /** Sorted by hierarchy. */
  readonly members: readonly SetMember[];
}

export interface SetMember {
  readonly hierarchy: HierarchyName;
  /** Absolute below the hierarchy's root, normal form of `cgroup_path.ts`. */
  readonly path: string;
  /** The leading part of `path` that lay outside the task's cgroup namespace; absent without such a namespace. */
  readonly namespaceRoot?: string;
}

/** The cgroups of one hierarchy, as they were dumped. */
export interface ControllerTree {
  readonly hierarchy: HierarchyName;
  /** Every directory that was dumped, or has to be there as well, sorted so that parents come before children. */
  readonly directories: readonly DumpedCgroup[];
  /** Whether all of them belong to the tasks; else those do that are at or below a place of theirs. */
  readonly isOwned?: boolean;
}

export interface DumpedCgroup {
  readonly path: string;
  /** Not dumped: tasks watch something in it. */
  readonly isWatched?: true;
  readonly permissions?: Permissions;
  /** In the order of the image, which CRIU keeps for files that must be written in order. */
  readonly properties: readonly Property[];
}

export interface Property {
  /** File name: no `/`, no NUL. */
  readonly name: string;
  /** Without the final newline; empty for files of which only the permissions were kept (`tasks`). */
  readonly value: string;
  readonly permissions?: Permissions;
}

export interface Permissions {
  /** Permission bits only, without the file type: 0o755. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}
