import type { Layout, PageRun } from "../../model/address_space.ts";
import type {
  Credentials,
  Registers,
  Rseq,
  Seccomp,
  SeccompFilter,
  SignalAction,
  ThreadState,
  Timers,
} from "../../model/task_state.ts";
import type { DescriptorAction } from "./descriptor_action.ts";
import type { ExpectedFile } from "./expected_file.ts";
import type { ExpectedMapping } from "./expected_mapping.ts";
import type { Entrance } from "../plan.ts";
import type { NetworkUnlock } from "./plan_network_unlock.ts";
import type { FileStep } from "./file_step.ts";
import type { NamespacesPlan } from "./namespaces/namespaces_plan.ts";
import type { ExpectedLock } from "./plan_locks.ts";
import type { TerminalsPlan } from "./terminals_plan.ts";
import type { FreeAddresses } from "./memory/free_addresses.ts";
import type { MlockStep } from "./memory/plan_mlock.ts";
import type { RingStep } from "./memory/plan_rings.ts";

/** What a restore does to give the tasks what they held. Part of a `Plan`, and plain data like it. */
export interface ContentsPlan {
  readonly namespaces: NamespacesPlan;
  /** Addresses that no task uses: the agent's, and all that a restore maps for a while. */
  readonly free: FreeAddresses;
  /** Descriptors from here on are ours, in every task and in the coordinator: no task has one of these numbers. */
  readonly firstDescriptor: number;
  /** Limits that the coordinator sets for itself, and that the tasks are born with. */
  readonly ownLimits: readonly LimitStep[];
  /** Files that are mapped and the like; made by the coordinator, or by a deputy, before any task but the root is. */
  readonly earlyFiles: readonly FileStep[];
  /** Files of tasks that have ended; made by the coordinator while helpers stand in for these. */
  readonly helperFiles: readonly FileStep[];
  /** Those who stand in for the coordinator where it matters in which cgroup something is made; by number. */
  readonly deputies: readonly Entrance[];
  /** The other files; made by the coordinator, or by a deputy, when all tasks are there. */
  readonly lateFiles: readonly FileStep[];
  /** What the coordinator does to files when all tasks have what they hold. */
  readonly lastFiles: readonly FileStep[];
  /** What the coordinator does to files when everything is verified, right before the tasks are let go. */
  readonly finalFiles: readonly FileStep[];
  /** What comes right before that. Absent where nothing is locked. */
  readonly networkUnlock?: NetworkUnlock;
  /** Descriptors of cgrestore that the coordinator is born with; ascending. */
  readonly keptDescriptors: readonly number[];
  /** Names that the dump has made, to find files by: removed when the restore has succeeded. */
  readonly obsoleteNames: readonly ObsoleteName[];
  readonly terminals: TerminalsPlan;
  /** How many files are open at once, in the coordinator or in the task that makes the mounts. */
  readonly openFiles: number;
  /** An open /dev/null, where some task needs one; the other tasks have nothing to do with it. */
  readonly nullFile?: Handle;
  /** What is true of them in the end, as far as descriptors refer to them. */
  readonly expectedFiles: ReadonlyMap<Handle, ExpectedFile>;
  /** Where this processor keeps the components of XSAVE's area that are restored, by number. */
  readonly components: ReadonlyMap<number, { readonly offset: number; readonly size: number }>;
  /** Whether the kernel lets the ids of timers be chosen; else they are counted up to. */
  readonly choosesTimerIds: boolean;
  /** Capabilities that tasks are born with, as masks. */
  readonly ownCapabilities: OwnCapabilities;
  /** Makers before the tasks they make. */
  readonly tasks: readonly TaskContents[];
}

export interface ObsoleteName {
  readonly path: string;
  /** The number of the mount namespace that the path is of. */
  readonly mountNamespace: number;
}

export type OwnCapabilities = Pick<Credentials, "permitted" | "effective" | "bounding">;

/**
 * Number of an open file among those of the coordinator: its descriptor there is `firstDescriptor` + 1 + handle.
 * The first of ours is a pidfd of the coordinator, by which tasks get them.
 */
export type Handle = number;

export interface TaskContents {
  readonly pid: number;
  /** Whether its memory is restored before it makes other tasks, by the step of its program that says so. */
  readonly isFiller: boolean;
  readonly memory: readonly MemoryStep[];
  /** Contexts of asynchronous requests, when the memory is there. */
  readonly rings: readonly RingStep[];
  readonly expectedMappings: readonly ExpectedMapping[];
  /** What the links of /proc/PID must say; one that is absent is not compared. */
  readonly links: { readonly exe?: string; readonly cwd?: string; readonly root?: string };
  /** By ascending descriptor. Absent for a task whose table belongs to another one. */
  readonly descriptors?: readonly DescriptorStep[];
  /** What it does through them when they are there, one after the other. */
  readonly descriptorActions: readonly DescriptorAction[];
  readonly expectedLocks: readonly ExpectedLock[];
  /** Absent for a task that shares its directories with one that sets them. */
  readonly directories?: { readonly working: Handle; readonly root: Handle | undefined; readonly umask: number };
  /** PR_SET_THP_DISABLE; absent: as it is born. */
  readonly hugePagesDisabled?: boolean;
  readonly personality: number;
  readonly actions: readonly SignalAction[];
  /** A page below 4 GiB that it does not use, for what system calls of 32 bits point to; absent: it makes none. */
  readonly lowPage?: number;
  /** Those that differ from cgrestore's own; set by the task itself. */
  readonly limits: readonly LimitStep[];
  /** Those under which the task could not get what it holds; set when it has it. */
  readonly lastLimits: readonly LimitStep[];
  /** Absent where it is cgrestore's own, or unknown. */
  readonly oomScoreAdjustment?: number;
  /** Absent where it is cgrestore's own, or unknown. */
  readonly loginUid?: number;
  /** Commands of membarrier(2), as a mask. */
  readonly membarrier: number;
  readonly timers: Timers;
  readonly pendingSignals: readonly Uint8Array[];
  /** PR_SET_DUMPABLE, after credentials have changed; absent: as it is then. */
  readonly dumpable?: number;
  /** The leader first. */
  readonly threads: readonly ThreadContents[];
}

/** setrlimit(2) */
export interface LimitStep {
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

export interface ThreadContents {
  readonly tid: number;
  readonly registers: Registers;
  readonly clearTid: bigint;
  readonly robustList: ThreadState["robustList"];
  readonly signalMask: bigint;
  readonly pendingSignals: readonly Uint8Array[];
  readonly alternateStack?: ThreadState["alternateStack"];
  readonly rseq?: Rseq;
  /** Absent where it is cgrestore's own. */
  readonly scheduling?: ThreadState["scheduling"];
  /** Absent where the image has none. */
  readonly credentials?: Credentials;
  /** Whether they differ from cgrestore's own, which are inherited. */
  readonly changesCredentials: boolean;
  /** Of AppArmor; absent where it is cgrestore's own. */
  readonly profile?: string;
  readonly parentDeathSignal: number;
  /** Filters to install, the oldest first; `"strict"` for that mode. */
  readonly seccomp: "strict" | readonly SeccompFilter[];
  /** What is true of it in the end, when the leader has installed filters for all threads. */
  readonly expectedSeccomp: { readonly mode: Seccomp["mode"]; readonly filters: number };
}

export interface DescriptorStep {
  readonly fd: number;
  readonly handle: Handle;
  readonly closeOnExec: boolean;
}

/** One thing done to the memory of a task, by itself. Addresses and sizes are bytes of whole pages. */
export type MemoryStep =
  | MapStep
  | { readonly kind: "unmap"; readonly start: number; readonly size: number }
  /** shmat(2) */
  | { readonly kind: "attach"; readonly id: number; readonly start: number; readonly isReadOnly: boolean }
  /** mremap(2) */
  | { readonly kind: "move"; readonly start: number; readonly size: number; readonly to: number }
  /** The vdso and its data, at an address of the dumped task. */
  | { readonly kind: "map-vdso"; readonly start: number; readonly isCompat: boolean }
  /** Reads consecutive bytes of a file into pages. */
  | FillStep
  | InheritStep
  | { readonly kind: "write"; readonly start: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "protect"; readonly start: number; readonly size: number; readonly protection: number }
  /**
   * Memory that may only be run, and could be read on the processor of the dump. One with protection keys keeps it from
   * being read, unless it is told which key the memory has (pkeys(7)).
   */
  | { readonly kind: "keep-readable"; readonly start: number; readonly size: number }
  /** madvise(2) */
  | { readonly kind: "advise"; readonly start: number; readonly size: number; readonly advice: number }
  | MlockStep
  /** PR_SET_MM_MAP */
  | {
    readonly kind: "set-layout";
    readonly layout: Layout;
    readonly auxv: Uint8Array<ArrayBuffer>;
    /** Absent: it stays what it is. */
    readonly executable?: Handle;
  };

export interface MapStep {
  readonly kind: "map";
  readonly start: number;
  readonly size: number;
  /** PROT_* while pages are filled. */
  readonly protection: number;
  /** MAP_* without MAP_FIXED_NOREPLACE. */
  readonly flags: number;
  /** Absent for anonymous memory. */
  readonly handle?: Handle;
  readonly offset: number;
}

/**
 * Makes a private mapping that the task was born with its own: pages that differ from the maker's are read, those that
 * only the maker has are dropped.
 */
export interface InheritStep {
  readonly kind: "inherit";
  readonly start: number;
  readonly size: number;
  readonly protection: number;
  readonly inheritedProtection: number;
  readonly pages: readonly PageRun[];
  readonly inheritedPages: readonly PageRun[];
}

export interface FillStep {
  readonly kind: "fill";
  /** Path of the file of pages. */
  readonly file: string;
  readonly offset: number;
  /** Address and size, one after the other, of each range; not more than fit in one preadv(2). */
  readonly ranges: readonly number[];
}
