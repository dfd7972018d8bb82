import type { PageRun } from "./address_space.ts";
import type { Mount } from "./mounts.ts";
import type { PacketFilters } from "./packet_filters.ts";
import type { RouteMessage } from "./route_message.ts";
import type { SitTunnel } from "./sit_tunnel.ts";

/** What the root task's namespaces had, of those kinds that the dumping CRIU did not share with it. */
export interface NamespaceContents {
  /** It owns all others of these, and ids are those that it has. */
  readonly user?: UserNamespace;
  readonly uts?: UtsNamespace;
  readonly ipc?: IpcNamespace;
  readonly net?: NetNamespace;
  /** Those that other tasks are in: from number 1 on. */
  readonly nestedNets?: readonly NetNamespace[];
  /** Numbers of the net namespaces of tasks that are in another one than the root, by pid. */
  readonly netNamespaces?: ReadonlyMap<number, number>;
  /** Of one namespace after the other, the root task's first; in each, parents before the mounts on them. */
  readonly mounts?: readonly Mount[];
  /** Numbers of the mount namespaces of tasks that are in another one than the root, by pid. */
  readonly mountNamespaces?: ReadonlyMap<number, number>;
  /** As the tasks saw them at the dump, in a time namespace of their own or without one; absent in old dumps. */
  readonly clocks?: Clocks;
}

/** Which ids of users and groups there are in a user namespace. */
export interface UserNamespace {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/** Consecutive ids (a line of /proc/PID/uid_map). */
export interface IdRange {
  /** The first of them inside. */
  readonly first: number;
  /** What that is outside. */
  readonly outside: number;
  readonly count: number;
}

export interface UtsNamespace {
  readonly hostName: string;
  readonly domainName: string;
}

/** CLOCK_MONOTONIC and CLOCK_BOOTTIME, in nanoseconds. */
export interface Clocks {
  readonly monotonic: bigint;
  readonly boottime: bigint;
}

export interface IpcNamespace {
  /** Limits and the like: values by their paths below /proc/sys, as they are written there. */
  readonly sysctls: ReadonlyMap<string, string>;
  /** Ids that were chosen for the next objects, by the path of their sysctl. */
  readonly nextIds: ReadonlyMap<string, number>;
  readonly segments: readonly IpcSegment[];
  readonly queues: readonly MessageQueue[];
  readonly semaphores: readonly SemaphoreSet[];
}

/** What all System V objects have. */
export interface IpcObject {
  readonly id: number;
  /** 0: IPC_PRIVATE */
  readonly key: number;
  /** The permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly creatorUid: number;
  readonly creatorGid: number;
}

/** Shared memory. */
export interface IpcSegment extends IpcObject {
  /** Bytes, not only whole pages. */
  readonly size: number;
  /** SHM_HUGETLB with the size of a page; 0 for ordinary ones. */
  readonly hugeFlags: number;
  /** Whether it goes when nobody has it attached any more (SHM_DEST). */
  readonly isRemoved: boolean;
  /** SHM_LOCKED */
  readonly isLocked: boolean;
  readonly content: SegmentContent;
}

/** Addresses of pages are offsets in the segment; `whole`: old dumps have all of it one after the other. */
export type SegmentContent =
  | { readonly kind: "pages"; readonly pages: readonly PageRun[] }
  | { readonly kind: "whole"; readonly file: string; readonly offset: number };

export interface MessageQueue extends IpcObject {
  /** Most bytes of all its messages (`msg_qbytes`). */
  readonly capacity: number;
  readonly messages: readonly IpcMessage[];
}

export interface IpcMessage {
  readonly type: bigint;
  readonly bytes: Uint8Array;
}

export interface SemaphoreSet extends IpcObject {
  readonly values: readonly number[];
}

/**
 * `external`: the dump has given it a key, and the user provides it again. `empty`: the dump has left it to others, who
 * set it up again.
 */
export type NetNamespace =
  | { readonly kind: "external"; readonly key: string }
  | { readonly kind: "empty" }
  | NetContents;

/** What a net namespace has. */
export interface NetContents {
  readonly kind: "own";
  /** Settings: values by their paths below /proc/sys, in the order in which they are written there. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly devices: readonly NetDevice[];
  /** RTM_NEWADDR */
  readonly addresses: readonly RouteMessage[];
  /** RTM_NEWROUTE, of the main table */
  readonly routes: readonly RouteMessage[];
  /** RTM_NEWRULE, of IPv4, in the order in which they are tried; absent when they are those of a new namespace. */
  readonly rules?: readonly RouteMessage[];
  /** Rules for packets, in the order in which they are loaded. */
  readonly filters: readonly PacketFilters[];
  /** Connections that the kernel tracks, as ctnetlink takes them: `struct nfgenmsg` and CTA_*. */
  readonly tracked: readonly Uint8Array[];
  /** Whether it expected further connections, as helpers do. */
  readonly expectsConnections: boolean;
  /** Its own ids of the net namespaces of the tasks, by the numbers of these. */
  readonly ids: ReadonlyMap<number, number>;
}

export interface NetDevice {
  readonly kind: NetDeviceKind;
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  /** IFF_* */
  readonly flags: number;
  /** That of the hardware; absent for the loopback device. */
  readonly address?: Uint8Array;
  /** Index of the device that it is a part of, as of a bridge. */
  readonly master?: number;
  /** Index of the other end of a veth device, or of the parent of a macvlan one; absent when no task is where that is. */
  readonly peer?: number;
  /** Number of the net namespace that this is in; absent when it is the same one. */
  readonly peerNet?: number;
  readonly macvlan?: Macvlan;
  readonly tun?: TunDevice;
  readonly sit?: SitTunnel;
  /** It is a tunnel that was made in another net namespace, and packets that are in others are in that. */
  readonly isMoved?: true;
}

/** A device whose packets go to programs, which have /dev/net/tun open (Documentation/networking/tuntap.rst). */
export interface TunDevice {
  /** IFF_* of linux/if_tun.h, with the kind, IFF_TUN or IFF_TAP. */
  readonly flags: number;
  /** Uid and gid of who may attach to it; -1: nobody in particular. */
  readonly owner: number;
  readonly group: number;
  /** Bytes of what comes before each packet (TUNSETVNETHDRSZ). */
  readonly headerSize: number;
  /** Bytes that may be on their way to programs. */
  readonly sendBuffer: number;
}

/** How a macvlan device uses its parent. */
export interface Macvlan {
  /** MACVLAN_MODE_* (linux/if_link.h) */
  readonly mode: number;
  /** MACVLAN_FLAG_* */
  readonly flags: number;
}

/** `other`: of a type that is unknown here. */
export type NetDeviceKind =
  | "loopback"
  | "veth"
  | "tun"
  | "external"
  | "venet"
  | "bridge"
  | "macvlan"
  | "sit"
  | "other";
