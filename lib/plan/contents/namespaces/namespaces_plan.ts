import type { NamespaceKind } from "../../../model/checkpoint.ts";
import type {
  Clocks,
  IpcObject,
  IpcSegment,
  MessageQueue,
  SemaphoreSet,
  UtsNamespace,
} from "../../../model/namespaces.ts";
import type { JoinedNamespace } from "../../plan.ts";
import type { FillStep } from "../contents_plan.ts";
import type { MountsPlan } from "./mounts_plan.ts";
import type { NetPlan } from "./net_plan.ts";

/** Namespaces that are made before the root task, which is born in them, and what they have. */
export interface NamespacesPlan {
  readonly kinds: readonly MadeNamespace[];
  /** Those of these kinds that are there already. */
  readonly joins?: readonly JoinedNamespace[];
  readonly uts?: UtsNamespace;
  readonly ipc?: IpcPlan;
  readonly net?: NetPlan;
  readonly mounts?: MountsPlan;
  /** What clocks say in the time namespace beyond what they say without one; nanoseconds. */
  readonly clockOffsets?: Clocks;
}

export type MadeNamespace = Extract<NamespaceKind, "uts" | "ipc" | "net" | "time" | "mnt">;

/** What an ipc namespace gets, in this order. */
export interface IpcPlan {
  /** Limits while objects are made, which may be more or larger than they allow. */
  readonly raised: readonly Sysctl[];
  readonly segments: readonly SegmentStep[];
  readonly queues: readonly Made<MessageQueue>[];
  readonly semaphores: readonly Made<SemaphoreSet>[];
  /** What there is in the end. */
  readonly sysctls: readonly Sysctl[];
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
