import type { NamespaceKind } from "../../../model/checkpoint.ts";
import type {
  Clocks,
  IpcObject,
  IpcSegment,
  MessageQueue,
  SemaphoreSet,
  UserNamespace,
  UtsNamespace,
} from "../../../model/namespaces.ts";
import type { JoinedNamespace } from "../../plan.ts";
import type { FillStep } from "../contents_plan.ts";
import type { MountsPlan } from "./mounts_plan.ts";
import type { NestedNets, NetPlan } from "./net_plan.ts";

/** Namespaces that are made before the root task, which is born in them, and what they have. */
export interface NamespacesPlan {
  readonly kinds: readonly MadeNamespace[];
  /** Those of these kinds that are there already. */
  readonly joins?: readonly JoinedNamespace[];
  /** It owns the others that are made. */
  readonly user?: UserPlan;
  readonly uts?: UtsNamespace;
  readonly ipc?: IpcPlan;
  readonly net?: NetPlan;
  /** Absent where all tasks are in one net namespace. */
  readonly nestedNets?: NestedNets;
  readonly mounts?: MountsPlan;
  /** What clocks say in the time namespace beyond what they say without one; nanoseconds. */
  readonly clockOffsets?: Clocks;
}

export type MadeNamespace = Extract<NamespaceKind, "user" | "uts" | "ipc" | "net" | "time" | "mnt">;

/** A user namespace, and what can only be done before the coordinator is in it. */
export interface UserPlan extends UserNamespace {
  /**
   * Whether tasks enter it when they have made others: nobody in it may choose pids of this host. Else they are born in
   * it, and with it.
   */
  readonly entersLate: boolean;
  /** What files of /proc/self say, which the tasks are born with. */
  readonly state: readonly { readonly file: string; readonly value: number }[];
  /** Files of the checkpoint: nobody in it may open them. */
  readonly images: readonly string[];
}

/** What an ipc namespace gets, in this order. */
export interface IpcPlan {
  /** Limits while objects are made, which may be more or larger than they allow. */
  readonly raised: readonly Sysctl[];
  readonly segments: readonly SegmentStep[];
  readonly queues: readonly Made<MessageQueue>[];
  readonly semaphores: readonly Made<SemaphoreSet>[];
  /** What there is in the end. */
  readonly sysctls: readonly Sysctl[];
  /** Nobody may set them, and there are no objects: it is made with them. */
  readonly keepsLimits?: boolean;
  /** Ids of the segments that are removed as soon as all tasks have them. */
  readonly removed: readonly number[];
}

export interface Sysctl {
  /** Below /proc/sys. */
  readonly path: string;
  readonly value: string;
}

/** An object, and who has to be its creator; absent: whoever makes it. */
export type Made<T extends IpcObject> = T & { readonly creator?: IpcCreator };

export interface IpcCreator {
  readonly uid: number;
  readonly gid: number;
  /** Those of whoever makes it, for afterwards. */
  readonly own: { readonly uid: number; readonly gid: number };
}

/** Makes a segment, and reads its content while it is attached at `scratch`. */
export type SegmentStep = Made<IpcSegment> & { readonly scratch: number; readonly fills: readonly FillStep[] };
