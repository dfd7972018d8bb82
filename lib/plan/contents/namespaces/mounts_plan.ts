import type { Mount } from "../../../model/mounts.ts";

/** A mount namespace: what is mounted, and where. Mounts are known by their index among the steps. */
export interface MountsPlan {
  /** In the order in which they are made, each behind the one that it is on; the first is the root. */
  readonly steps: readonly MountStep[];
  /** What is done, in this order, when all of them are there. */
  readonly sharing: readonly SharingStep[];
}

export interface MountStep {
  /** Absolute, for people. */
  readonly mountPoint: string;
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
  }
  | NewFileSystem;

export interface NewFileSystem {
  readonly kind: "new";
  readonly type: string;
  /** What /proc/PID/mountinfo calls its source. */
  readonly source: string;
  readonly options: readonly MountOption[];
  /** Options that are set when it has its files. */
  readonly lateOptions: readonly MountOption[];
  readonly files: NonNullable<Mount["tree"]>;
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
