import type { NamespaceKind } from "../model/checkpoint.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import type { ContentsPlan } from "./contents/contents_plan.ts";

/**
 * A plan: all that a restore will do, as plain data in the order in which it is done. `planRestore` makes it without
 * looking at anything; `executePlan` follows it without deciding anything; `expect` derives from it what must be true
 * afterwards. Hierarchies are named as on this host.
 */
export interface Plan {
  /** The yard: every hierarchy that has to be opened. */
  readonly hierarchies: readonly OpenHierarchy[];
  /** Directories, permissions and properties that come before any task, parents first. */
  readonly cgroups: readonly CgroupStep[];
  /** What the coordinator does; above all it makes the root task, as its sibling. */
  readonly coordinator: readonly TaskStep[];
  /** One program for each task, makers before the tasks they make. */
  readonly tasks: readonly TaskProgram[];
  /** What is left to do once every task exists, one after the other across tasks. */
  readonly endings: readonly Ending[];
  /** Moves made from outside, because the task stops running where it goes (a frozen cgroup). */
  readonly lateMoves: readonly LateMove[];
  /** Properties that come after the tasks, parents first. */
  readonly properties: readonly CgroupStep[];
  /** Freezer states; last of all. */
  readonly freezes: readonly WriteProperty[];
  /** Where the tasks must be in the end. */
  readonly places: readonly Place[];
  readonly expectedTasks: readonly ExpectedTask[];
  /** Whether the tasks are made in a new pid namespace. */
  readonly newPidNamespace: boolean;
  /** The pid namespace that is there, in which the tasks are made; absent: a new one, or cgrestore's own. */
  readonly joinedPidNamespace?: JoinedPidNamespace;
  /** Kinds of namespace of the tasks' own that are made, sorted. */
  readonly namespaces: readonly NamespaceKind[];
  /** Whether the root task is made by cgrestore itself, as a child of its own parent; the coordinator makes none then. */
  readonly rootIsSibling: boolean;
  /** What gives the tasks what they held; absent for placeholders. */
  readonly contents?: ContentsPlan;
  readonly counts: PlanCounts;
  /** What the user should know, and nothing is wrong about: "net_cls is not on this host, no task had a place in it". */
  readonly notes: readonly string[];
}

/** A pid namespace that the user provides (`--inherit-fd`) for the one that was dumped as external. */
export interface JoinedPidNamespace {
  /** cgrestore's own descriptor. */
  readonly fd: number;
  /** What CRIU has called it: `"extRootPidNS"`. */
  readonly key: string;
  /** What /proc says of it: `"pid:[4026532177]"`. */
  readonly link: string;
  /** Pids on this host, and ids of process groups, by those in it, of whom files of the checkpoint signal outside of it. */
  readonly outsiders: ReadonlyMap<number, number>;
}

export interface PlanCounts {
  /** Writes to `cgroup.procs`, `tasks` and `cgroup.threads` for tasks; those of deputies are not counted. */
  readonly writes: number;
  /** Writes that comparing whole sets from parent to child would have made (the rule of CRIU's 2014 patch). */
  readonly originWrites: number;
  /** Tasks created directly in their v2 cgroup, without a write. */
  readonly createdInPlace: number;
}

export interface OpenHierarchy {
  readonly kind: "open-hierarchy";
  readonly hierarchy: HierarchyName;
  /** `bind`: clone the mount the host has. `mount`: mount(2) anew, which attaches to the hierarchy if it exists. */
  readonly method: "bind" | "mount";
  /** The host's mount point for `bind`; the file system type for `mount`. */
  readonly source: string;
  /** mount(2) data for `mount`; empty for `bind`. */
  readonly options: string;
  /** Whether mounting makes a hierarchy that did not exist. */
  readonly isNew: boolean;
}

export type CgroupStep = MakeCgroup | SetPermissions | WriteProperty;

/** Makes one directory; its parent exists by then. Undone by rmdir. */
export interface MakeCgroup {
  readonly kind: "make-cgroup";
  readonly hierarchy: HierarchyName;
  readonly path: string;
  /** Why: `"set 3"`, `"dumped"`, `"above /job/p"`. */
  readonly reason: string;
}

/** Sets owner and mode of a directory, or of a file in it. Undone with the values found before. */
export interface SetPermissions {
  readonly kind: "set-permissions";
  readonly hierarchy: HierarchyName;
  readonly path: string;
  /** Name of the file, absent for the directory itself. */
  readonly file?: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whether a file that does not exist here is passed over in silence. */
  readonly optional: boolean;
}

/** Writes a file of a cgroup. Undone with the value found before, in cgroups that this plan does not make. */
export interface WriteProperty {
  readonly kind: "write-property";
  readonly hierarchy: HierarchyName;
  readonly path: string;
  readonly file: string;
  /** The file to read the value from, where that is another one: `devices.list` for `devices.allow`. */
  readonly readFile?: string;
  /** One write(2) each, in this order; none may be split. */
  readonly writes: readonly string[];
  /** What the file must say afterwards, compared as `compareProperty` of lib/verify knows for this file. */
  readonly expected: string;
  /** Whether this plan makes the cgroup, so that nothing has to be put back. */
  readonly inNewCgroup: boolean;
  /** Errnos that mean the same as success for this value, with a note: the kernel lacks a file and the value is its default. */
  readonly tolerated: readonly string[];
  /** Where the value is from: `"dumped"`, `"from its parent"`, `"for /job/c1"`. */
  readonly reason: string;
}

/** Pid of the maker of a task that the coordinator makes: the coordinator is not part of the checkpoint. */
export const COORDINATOR = 0;

/** By what a deputy is known where others are by their pids. */
export function deputyId(number: number): number {
  return -1 - number;
}

export function isDeputy(id: number): boolean {
  return id < 0;
}

export interface TaskProgram {
  readonly pid: number;
  /** `helper`: stands in for a session or group leader that is gone, and ends before the tasks run. */
  readonly role: "task" | "helper";
  readonly comm: string;
  /** Who calls clone3: a task, or the `COORDINATOR`. */
  readonly maker: number;
  /** What the task does by itself from its birth on, in order; other tasks are born in between. */
  readonly steps: readonly TaskStep[];
  /** Its threads, made by `create-thread` steps, with what each does by itself. */
  readonly threads: readonly ThreadProgram[];
}

export interface ThreadProgram {
  readonly tid: number;
  readonly comm: string;
  readonly steps: readonly ThreadStep[];
}

/** What a task does by itself, in its own context. */
export type TaskStep =
  | Attach
  | {
    readonly kind: "create-task";
    readonly pid: number;
    /** `sibling`: with CLONE_PARENT, so that the maker's parent becomes the parent. */
    readonly as: "child" | "sibling";
    /** Whether it has its maker's table of descriptors (CLONE_FILES). */
    readonly sharesDescriptors?: boolean;
    /** v2 place to be born in (CLONE_INTO_CGROUP); a path in the v2 hierarchy. */
    readonly into?: string;
  }
  | { readonly kind: "create-thread"; readonly tid: number }
  | { readonly kind: "set-name"; readonly comm: string }
  | { readonly kind: "new-session" }
  /** A session's leader takes the terminal that its contents say: who is made afterwards has it as well. */
  | { readonly kind: "take-terminal" }
  /** setpgid(0, group): its own pid makes a new group. */
  | { readonly kind: "set-group"; readonly group: number }
  | { readonly kind: "unshare-cgroup-namespace" }
  | { readonly kind: "set-child-subreaper"; readonly on: boolean }
  /** Its memory is restored before it makes other tasks, which inherit it. */
  | { readonly kind: "restore-memory" }
  /** The namespaces get what they had, through the root task. Without this step: before its program begins. */
  | { readonly kind: "fill-namespaces" };

export type ThreadStep = Attach | { readonly kind: "set-name"; readonly comm: string };

/** The caller writes "0" to `file` of a cgroup. */
export interface Attach {
  readonly kind: "attach";
  readonly hierarchy: HierarchyName;
  readonly path: string;
  /** `cgroup.procs` moves the process; `tasks` (v1) and `cgroup.threads` (v2) move the calling thread. */
  readonly file: "cgroup.procs" | "tasks" | "cgroup.threads";
}

/** One thing done by `pid` after every task has been made; each is complete before the next begins. */
export type Ending =
  | { readonly pid: number; readonly step: Extract<TaskStep, { kind: "set-group" | "set-child-subreaper" }> }
  /** Ends: a zombie with its wait(2) status word, a helper with 0. */
  | { readonly pid: number; readonly step: { readonly kind: "exit"; readonly status: number } }
  /** Waits for its child `child`, a helper that has ended. */
  | { readonly pid: number; readonly step: { readonly kind: "reap"; readonly child: number } };

/**
 * How one more process gets to where memory and sockets count as those of a place do: in the hierarchy of v2, and in that
 * of the memory controller.
 */
export interface Entrance {
  /** v2 path of the cgroup that it is created in; absent: that of its maker. */
  readonly into?: string;
  readonly moves: readonly Attach[];
}

/** `pid` is written to `cgroup.procs` of a cgroup from outside. */
export interface LateMove {
  readonly pid: number;
  readonly hierarchy: HierarchyName;
  readonly path: string;
}

/** One combination of cgroups; several sets may mean the same place on this host. */
export interface Place {
  /** By the host's names, every hierarchy of the host, sorted. */
  readonly members: readonly { readonly hierarchy: HierarchyName; readonly path: string }[];
}

export interface ExpectedTask {
  readonly pid: number;
  /** 0: cgrestore's own child. */
  readonly parent: number;
  /** `undefined`: cgrestore's own (`--shell-job`). */
  readonly group: number | undefined;
  readonly session: number | undefined;
  readonly state: "alive" | "stopped" | "zombie";
  readonly exitStatus: number;
  /** For a stopped task, the signal that had stopped it, as far as the image says. */
  readonly stopSignal: number;
  readonly comm: string;
  /** Index in `Plan.places`; absent for zombies, which may be anywhere. */
  readonly place?: number;
  readonly threads: readonly { readonly tid: number; readonly comm: string; readonly place: number }[];
}

/** The choices a user has, as far as planning goes. */
export interface PlanOptions {
  /** `--manage-cgroups`. */
  readonly mode: ManageMode;
  /** `--cgroup-root`; the entry without a hierarchy is the default for all not named. */
  readonly roots: readonly CgroupRoot[];
  /** `--on-missing`. */
  readonly onMissing: "fail" | "skip";
  /** `--pid-namespace`. */
  readonly pidNamespace: boolean;
  /** `--shell-job`. */
  readonly shellJob: boolean;
  /** `--restore-sibling`: the root becomes a child of the caller. */
  readonly restoreSibling: boolean;
  /** `--placeholders`: tasks without contents. */
  readonly placeholders: boolean;
  /** `--file-validation`: whether files are compared by their build id as well, where they have one. */
  readonly fileValidation: FileValidation;
  /** `--skip-file-rwx-check`: permissions of files may differ. */
  readonly skipFileRwxCheck: boolean;
  /** `--inherit-fd` */
  readonly inheritedFiles: readonly InheritedFile[];
  /** What becomes of mounts. */
  readonly mounts: MountOptions;
  /** Other ends of veth devices. */
  readonly outerEnds: readonly OuterEnd[];
  /** Parents of macvlan devices. */
  readonly parents: readonly OuterParent[];
  /** `--join-ns`: namespaces that are there, which the tasks get into instead of their own. */
  readonly joins: readonly JoinedNamespace[];
  /** `--external` of what nothing can be called that is outside of a checkpoint. */
  readonly meaninglessExternals: readonly string[];
  /** `--empty-ns net`: a net namespace of the tasks is made, and left to others. */
  readonly leavesNetEmpty: boolean;
  /** `--weak-sysctls`: settings of a net namespace of the tasks that this kernel does not have are left out. */
  readonly mayLackSettings: boolean;
  /** `--ext-unix-sk`: connect to unix sockets that are outside of the checkpoint. */
  readonly externalUnixSockets: boolean;
  /**
   * `--lsm-profile`: the profile of AppArmor that tasks get in place of theirs, if they had one; `"none"`: all tasks stay
   * as cgrestore is, whatever security module theirs was of; absent: theirs.
   */
  readonly profile?: "none" | { readonly appArmor: string };
  /** What becomes of TCP connections: `--tcp-established`, `--tcp-close`. */
  readonly connections: "refuse" | "restore" | "close";
}

export const MANAGE_MODES = ["none", "props", "soft", "full", "strict", "ignore"] as const;
export type ManageMode = typeof MANAGE_MODES[number];

/** Kinds of namespace that `--join-ns` knows: others have ways of their own, or are part of how tasks are made. */
export const JOINABLE_NAMESPACES = ["uts", "ipc", "time"] as const;

/** A namespace that is there, for the tasks to get into. */
export interface JoinedNamespace {
  readonly kind: typeof JOINABLE_NAMESPACES[number];
  /** A file that is the namespace: one below /proc/PID/ns, or where it is mounted. */
  readonly path: string;
}

export const FILE_VALIDATIONS = ["filesize", "buildid"] as const;
export type FileValidation = typeof FILE_VALIDATIONS[number];

/** A descriptor of cgrestore's own, and what it is to be used for, as CRIU names that: `"pipe:[77]"`. */
export interface InheritedFile {
  readonly fd: number;
  readonly key: string;
}

export interface MountOptions {
  /** `--root`: where the root file system of the tasks' own mount namespace is here; absent: it is this host's. */
  readonly root?: string;
  /** `--external mnt[KEY]:PATH` */
  readonly external: readonly { readonly key: string; readonly path: string }[];
  /** `--external mnt[]`: what CRIU has found by itself is taken from the same path. */
  readonly takesDetected: boolean;
}

/** `--external veth[INNER]:NAME@BRIDGE`: what becomes of the end outside of a veth device of the tasks' net namespace. */
export interface OuterEnd {
  /** The name of the device in the namespace. */
  readonly inner: string;
  /** That of its other end, in cgrestore's own net namespace. */
  readonly name: string;
  /** The bridge there that it becomes a part of; absent: it is left to others to set up. */
  readonly bridge?: string;
}

/** `--external macvlan[INNER]:PARENT`: what a macvlan device of the tasks' net namespace uses. */
export interface OuterParent {
  readonly inner: string;
  /** A device in cgrestore's own net namespace. */
  readonly parent: string;
}

export interface CgroupRoot {
  /** As the user wrote it: one controller, a list, `name=x`, or `""` for v2; absent: every hierarchy not named. */
  readonly hierarchy?: string;
  readonly path: string;
}
