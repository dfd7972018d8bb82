import type { AddressSpace } from "./address_space.ts";

/** What a live task holds besides its files, as its threads share it. */
export interface TaskState {
  readonly memory: AddressSpace;
  /** Id of its table of descriptors, which other tasks may have as well. */
  readonly table: number;
  /** Ids of the kernel's objects: tasks with the same one share it. */
  readonly objects: { readonly memory: number; readonly actions: number };
  readonly directories: Directories;
  /** personality(2) */
  readonly personality: number;
  /** Actions that are not the default, by ascending signal. */
  readonly actions: readonly SignalAction[];
  /** By resource number (RLIMIT_CPU is the first). */
  readonly limits: readonly Limit[];
  readonly timers: Timers;
  /** Signals that were pending for the task as a whole: siginfo_t, 128 bytes each, in order. */
  readonly pendingSignals: readonly Uint8Array[];
  /** Absent: not in the image. */
  readonly oomScoreAdjustment?: number;
  /** Absent: not in the image. */
  readonly loginUid?: number;
  /** Commands registered with membarrier(2), as a mask of MEMBARRIER_CMD_*. */
  readonly membarrier: number;
}

export interface Directories {
  /** Ids of files. */
  readonly working: number;
  readonly root: number;
  readonly umask: number;
  /** Id of the kernel object (`fs_id`): tasks with the same one share it. */
  readonly id: number;
}

export interface SignalAction {
  readonly signal: number;
  /** Whether code of 32 bits has set it, so that the kernel calls the handler as such code expects. */
  readonly isCompat: boolean;
  readonly handler: bigint;
  readonly flags: bigint;
  readonly restorer: bigint;
  readonly mask: bigint;
}

/** RLIM_INFINITY is 2⁶⁴ − 1. */
export interface Limit {
  readonly soft: bigint;
  readonly hard: bigint;
}

export interface Timers {
  /** ITIMER_REAL, ITIMER_VIRTUAL and ITIMER_PROF. */
  readonly intervals: readonly [IntervalTimer, IntervalTimer, IntervalTimer];
  readonly posix: readonly PosixTimer[];
}

/** Seconds and microseconds; all zero when it does not run. */
export interface IntervalTimer {
  readonly interval: readonly [seconds: number, microseconds: number];
  readonly left: readonly [seconds: number, microseconds: number];
}

/** A timer of timer_create(2); times in seconds and nanoseconds. */
export interface PosixTimer {
  readonly id: number;
  readonly clock: number;
  readonly signal: number;
  /** SIGEV_* */
  readonly notify: number;
  readonly value: bigint;
  readonly overrun: number;
  readonly interval: readonly [seconds: number, nanoseconds: number];
  readonly left: readonly [seconds: number, nanoseconds: number];
  /** For SIGEV_THREAD_ID. */
  readonly thread: number;
}

/** What one thread holds. */
export interface ThreadState {
  readonly registers: Registers;
  /** set_tid_address(2) */
  readonly clearTid: bigint;
  /** get_robust_list(2); a length of 0 is none. */
  readonly robustList: { readonly head: bigint; readonly length: number };
  /** Blocked signals; bit N − 1 is signal N. */
  readonly signalMask: bigint;
  /** As in `TaskState`, for this thread alone. */
  readonly pendingSignals: readonly Uint8Array[];
  readonly alternateStack?: { readonly pointer: bigint; readonly size: bigint; readonly flags: number };
  readonly rseq?: Rseq;
  readonly scheduling: { readonly policy: number; readonly priority: number; readonly nice: number };
  /** Absent in old dumps. */
  readonly credentials?: Credentials;
  /** PR_SET_PDEATHSIG; 0 is none. */
  readonly parentDeathSignal: number;
  readonly seccomp: Seccomp;
}

export type Seccomp =
  | { readonly mode: "disabled" | "strict" }
  | {
    readonly mode: "filter";
    /** The oldest first. */
    readonly filters: readonly SeccompFilter[];
    /** Whether all threads of the task have them in common (SECCOMP_FILTER_FLAG_TSYNC). */
    readonly isShared: boolean;
  };

export interface SeccompFilter {
  /** `struct sock_filter`, 8 bytes each. */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* */
  readonly flags: number;
}

/** A registration of rseq(2). */
export interface Rseq {
  readonly address: bigint;
  readonly size: number;
  readonly signature: number;
  /** The critical section it was in; 0 for none. */
  readonly section: bigint;
}

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly effectiveUid: number;
  readonly effectiveGid: number;
  readonly savedUid: number;
  readonly savedGid: number;
  readonly fsUid: number;
  readonly fsGid: number;
  readonly groups: readonly number[];
  /** Masks of capabilities. */
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
  readonly secureBits: number;
  readonly noNewPrivileges: boolean;
  /** What a security module knows it by, a profile of AppArmor or a context of SELinux; absent without one. */
  readonly profile?: string;
  /** The context that SELinux gives its sockets; absent where that is the thread's own. */
  readonly socketContext?: string;
}

/** The registers of a thread on x86-64. */
export interface Registers {
  /** `struct user_regs_struct` of sys/user.h. */
  readonly general: BigUint64Array<ArrayBuffer>;
  /** Whether the thread ran code of 32 bits. */
  readonly isCompat: boolean;
  /** Absent: as in a new thread. */
  readonly floating?: FloatingRegisters;
  /** Entries of the thread's own in the descriptor table, which code of 32 bits has. */
  readonly segments: readonly SegmentDescriptor[];
  /** Whether return addresses were kept on a second stack (CET). */
  readonly hasShadowStack: boolean;
}

/** set_thread_area(2) */
export interface SegmentDescriptor {
  /** Index in the table. */
  readonly number: number;
  readonly base: number;
  readonly limit: number;
  /** The bits behind them in `struct user_desc` (asm/ldt.h). */
  readonly flags: number;
}

/** FXSAVE's area and the components of XSAVE that the thread used (Intel SDM, volume 1, chapter 13). */
export interface FloatingRegisters {
  /** The first 512 bytes of the area. */
  readonly legacy: Uint8Array<ArrayBuffer>;
  /** By number, those that are in their initial state left out: 2 AVX, 5 to 7 AVX-512, 9 PKRU, … */
  readonly components: ReadonlyMap<number, Uint8Array<ArrayBuffer>>;
  /** Numbers of components that the thread used, and that the image does not have. */
  readonly lost: readonly number[];
}
