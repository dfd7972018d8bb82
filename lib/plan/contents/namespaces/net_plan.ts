import type { NetDevice } from "../../../model/namespaces.ts";
import type { FilterTool } from "../../../model/packet_filters.ts";
import type { OuterEnd } from "../../plan.ts";
import type { Handle } from "../contents_plan.ts";
import type { Sysctl } from "./namespaces_plan.ts";

/** What becomes of a net namespace; `leave`: it is made, and others set it up. */
export type NetPlan =
  | { readonly kind: "leave" }
  | JoinNet
  | FillNet;

/** What several net namespaces of one tree need. */
export interface NestedNets {
  /** By their numbers: 0 is that of the root task. */
  readonly namespaces: readonly NestedNet[];
  /** Numbers of those that tasks are in, by pid; that of the root task is left away. */
  readonly homes: ReadonlyMap<number, number>;
  /** Numbers of those that tasks have to enter, as they are born, or get, into other ones; by pid. */
  readonly entries: ReadonlyMap<number, number>;
}

export interface NestedNet {
  /** An open file of /proc/PID/ns. */
  readonly handle: Handle;
  /** What it gets; absent for that of the root task. */
  readonly net?: FillNet;
  /** A task in it. */
  readonly witness: number;
}

/** The tasks get into one that the user provides. */
export interface JoinNet {
  readonly kind: "join";
  /** A descriptor of cgrestore's own, which the coordinator is born with. */
  readonly fd: number;
  readonly key: string;
  /** What its link in /proc says: `"net:[4026532176]"`. */
  readonly link: string;
}

/** What a new one gets, in this order. */
export interface FillNet {
  readonly kind: "fill";
  /** Tell it which ids others have in it, before the kernel chooses some. */
  readonly idRequests: readonly RouteRequest[];
  /** Devices with an end outside, which are made from there: nobody in a user namespace could. */
  readonly pairs: readonly DevicePair[];
  /** The same of macvlan devices with a parent outside. */
  readonly children: readonly ChildDevice[];
  /** Make its other devices, and ends of these in those namespaces of the tasks that come behind it. */
  readonly deviceRequests: readonly RouteRequest[];
  /** Sets all of them up, when those of all namespaces are there. */
  readonly setUp: readonly RouteRequest[];
  readonly sysctls: readonly Sysctl[];
  readonly requests: readonly RouteRequest[];
  /** Replace its rules for routes, when there are sockets. */
  readonly ruleRequests: readonly RouteRequest[];
  readonly filters: readonly FilterLoad[];
  /** For ctnetlink instead of rtnetlink: has the kernel track connections. */
  readonly tracked: readonly RouteRequest[];
  /** Last of all: have devices take packets that are for them. */
  readonly connections: readonly RouteRequest[];
  /** Ends of its devices that are outside, in cgrestore's own; they get into their bridges after that. */
  readonly outerEnds: readonly OuterEnd[];
  /** Ids of net namespaces of the tasks, by the numbers of these. */
  readonly ids: ReadonlyMap<number, number>;
  /** What there is in the end. */
  readonly devices: readonly NetDevice[];
  /** All of them, as `describeAddress` and `describeRoute` tell it; sorted. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  /** The same of rules for routes (`describeRule`), in their order; absent for those that it is born with. */
  readonly rules?: readonly string[];
}

/** A device of the namespace, and its end in cgrestore's own. */
export interface DevicePair {
  readonly device: NetDevice;
  readonly outer: OuterEnd;
}

/** A device of the namespace, and the index of its parent in cgrestore's own. */
export interface ChildDevice {
  readonly device: NetDevice;
  readonly parent: number;
}

/** Rules for packets, and the program that loads them, all or none. */
export interface FilterLoad {
  readonly tool: FilterTool;
  /** Path of nsenter(1). */
  readonly enter: string;
  /** Path of the program, and its arguments. */
  readonly command: readonly string[];
  /** What it reads. */
  readonly text: string;
}

/** A message of rtnetlink(7), or another family of netlink(7), that asks for a change. */
export interface RouteRequest {
  /** `Cannot add the address 10.0.0.1/8` */
  readonly attempt: string;
  /** RTM_*, CTNETLINK_NEW */
  readonly type: number;
  /** NLM_F_* besides those that every request has. */
  readonly flags: number;
  /** What follows the header of the message. */
  readonly body: Uint8Array;
  /**
   * A net namespace of the tasks, by its number, of which the last four bytes are to be a descriptor: only whoever makes
   * the request can know it.
   */
  readonly endsWithNetwork?: number;
  /** Errors that are as good as success. */
  readonly tolerated: readonly string[];
}
