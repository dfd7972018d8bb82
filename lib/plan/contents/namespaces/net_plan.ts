import type { Sysctl } from "./namespaces_plan.ts";

/** What becomes of a net namespace; `leave`: it is made, and others set it up. */
export type NetPlan =
  | { readonly kind: "leave" }
  | JoinNet
  | FillNet;

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
  readonly setUp: RouteRequest;
  readonly sysctls: readonly Sysctl[];
  readonly requests: readonly RouteRequest[];
  /** What there is in the end. */
  readonly loopback: Loopback;
  /** All of them, as `describeAddress` and `describeRoute` tell it; sorted. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

/** The loopback device. */
export interface Loopback {
  readonly mtu: number;
  /** IFF_* */
  readonly flags: number;
}

/** A message of rtnetlink(7) that asks for a change. */
export interface RouteRequest {
  /** `Cannot add the address 10.0.0.1/8` */
  readonly attempt: string;
  /** RTM_* */
  readonly type: number;
  /** NLM_F_* besides those that every request has. */
  readonly flags: number;
  /** What follows the header of the message. */
  readonly body: Uint8Array;
  /** Errors that are as good as success. */
  readonly tolerated: readonly string[];
}
