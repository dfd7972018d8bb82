import type { Mount } from "../../../model/mounts.ts";
import type { Handle } from "../contents_plan.ts";

/** Mount namespaces: what is mounted, and where. Mounts are known by their index among the steps. */
export interface MountsPlan {
  /** One namespace after the other, each mount behind the one that it is on; the first is the root of the root task. */
  readonly steps: readonly MountStep[];
  /** What is done, in this order, when all of them are there. */
  readonly sharing: readonly SharingStep[];
  /** Absent where all tasks are in one namespace. */
  readonly nested?: NestedMounts;
}

/** What several mount namespaces of one tree need. */
export interface NestedMounts {
  /** By their numbers. */
  readonly namespaces: readonly NestedNamespace[];
  /** Numbers of those that tasks are in, by pid; that of the root task is left away. */
  readonly homes: ReadonlyMap<number, number>;
  /** Numbers of those that tasks have to enter, as they are born, or get, into other ones; by pid. */
  readonly entries: ReadonlyMap<number, number>;
}

export interface NestedNamespace {
  /** An open file of /proc/PID/ns. */
  readonly handle: Handle;
  /** Its root directory, open. */
  readonly root: Handle;
  /** A task in it whose root directory is that: it sees all mounts. */
  readonly witness: number;
}

export interface MountStep {
  /** Absolute, for people. */
  readonly mountPoint: string;
  /** Number of its namespace: 0 is that of the root task. */
  readonly namespace: number;
  /** The mount that it is on; absent for the root. */
  readonly on?: number;
  /** Where on that; empty for where that begins. */
  readonly at: string;
  readonly source: MountSource;
  /** MS_* of mount(2). */
  readonly flags: number;
  /** Whether it is read-only no sooner than files have been made in it that have no names then. */
  readonly becomesReadOnly?: boolean;
  /** Whether it receives mounts from whom the mount of this host does that it is a copy of. */
  readonly followsHost: boolean;
  /** What is said of its peers: mounts with the same number are such. */
  readonly peers?: number;
  readonly master?: number;
}

export type MountSource =
  /** A copy of what this host has at a path. */
  | { readonly kind: "here"; readonly path: string }
  /** A part of another mount; empty: all that it shows. */
  | {
    readonly kind: "part";
    readonly of: number;
    readonly path: string;
    /** The number of the pseudoterminal that it shows, whose file is there as long as its master is open. */
    readonly pty?: number;
    /** It was removed: it is empty, and there only for a moment, with the directories above it that are missing. */
    readonly removed?: readonly RemovedName[];
  }
  | NewFileSystem
  | NewOverlay;

/** An overlay of directories that options name, by their paths: so it is made no sooner than the mounts that show these. */
export interface NewOverlay {
  readonly kind: "overlay";
  /** What /proc/PID/mountinfo calls its source. */
  readonly source: string;
  readonly options: readonly MountOption[];
  /** MS_* of mount(2), of its file system. */
  readonly flags: number;
}

/** What is made, mounted, and removed. */
export interface RemovedName {
  /** In the mount that it is a part of. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Where this host has it meanwhile; absent where its file system is made. */
  readonly hostPath?: string;
}

export interface NewFileSystem {
  readonly kind: "new";
  readonly type: string;
  /** What /proc/PID/mountinfo calls its source. */
  readonly source: string;
  readonly options: readonly MountOption[];
  /** Options that are set when it has its files. */
  readonly lateOptions: readonly MountOption[];
  readonly files: NonNullable<Mount["tree"]>;
  /** Number of the net namespace that it is made in; absent: that of the root task. */
  readonly network?: number;
}

/** `size=4k`, or only a name. */
export interface MountOption {
  readonly name: string;
  readonly value?: string;
}

export type SharingStep =
  /** It begins a peer group. */
  | { readonly kind: "share"; readonly mount: number }
  /** It gets the peers and the master of another one. */
  | { readonly kind: "join"; readonly mount: number; readonly peer: number }
  /** Its peers become those that it receives mounts from. */
  | { readonly kind: "follow"; readonly mount: number }
  | { readonly kind: "set-unbindable"; readonly mount: number };
