import type { Clocks } from "../../../model/namespaces.ts";
import type { MadeNamespace, NamespacesPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { JoinedNamespace } from "../../../plan/plan.ts";
import type { JoinNet } from "../../../plan/contents/namespaces/net_plan.ts";
import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  O_RDONLY,
  PR_SET_DUMPABLE,
} from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, type LowestDescriptors, type Purpose, remoteCall } from "../remote.ts";
import { capsetArguments } from "../state/credentials.ts";
import { leaveMounts, NO_MOUNTS, type OpenedMounts, openHost, openMounts, returnToHost } from "./make_mounts.ts";
import { writeFile } from "./write_file.ts";

const AT_FDCWD = -100;
const SECOND = 1_000_000_000n;

const FLAGS: Readonly<Record<MadeNamespace, number>> = {
  user: CLONE_NEWUSER,
  uts: CLONE_NEWUTS,
  ipc: CLONE_NEWIPC,
  net: CLONE_NEWNET,
  time: CLONE_NEWTIME,
  mnt: CLONE_NEWNS,
};

/** What making namespaces has to know. */
export interface NamespacesContext
  extends Pick<ContentsContext, "numbers" | "hostPath" | "base" | "images" | "netNamespaces"> {
  /** The lowest descriptors of whoever makes the calls. */
  readonly lowest: LowestDescriptors;
}

/** Puts the caller into new namespaces, or others that are there; what it makes from then on is born in them. */
export function makeNamespaces(context: NamespacesContext, plan: NamespacesPlan): RemoteCall[] {
  const { joins = [], net, clockOffsets } = plan;
  const made = madeKinds(plan);
  const host = made.includes("mnt") ? openHost(context) : undefined;
  return [
    ...host === undefined ? [] : [host.call],
    ...made.length === 0 ? [] : [unshare(context, made)],
    ...host === undefined ? [] : leaveMounts(context, host.fd),
    ...joins.flatMap((join) => enter(context, join)),
    ...net?.kind === "join" ? [joinNet(context, net)] : [],
    ...clockOffsets === undefined ? [] : enterTimeNamespace(context, clockOffsets),
  ];
}

/**
 * The same with a user namespace, which owns all that is made: first the calls of who may do anything on this host, then
 * those of its root, which the caller becomes when the maps are written in between. It is that of the task `member`,
 * where there is one already.
 */
export function makeUserNamespace(
  context: NamespacesContext,
  plan: NamespacesPlan,
  member?: number,
): { readonly before: RemoteCall[]; readonly after: RemoteCall[]; readonly mounts: OpenedMounts } {
  const { joins = [], net, clockOffsets, mounts: mountsPlan } = plan;
  const made = madeKinds(plan);
  const joining = [
    ...joins.flatMap((join) => enter(context, join)),
    ...net?.kind === "join" ? [joinNet(context, net)] : [],
  ];
  const mounts = mountsPlan === undefined ? NO_MOUNTS : openMounts(context, mountsPlan);
  const host = made.includes("mnt") ? openHost(context) : undefined;
  if (host !== undefined) context.lowest.occupy(host.fd);
  const leave = host === undefined ? [] : leaveMounts(context, host.fd);
  const entering = member === undefined ? [unshare(context, made)] : enterUserNamespace(context, member);
  const before = [...joining, ...mounts.calls, ...host === undefined ? [] : [host.call], ...entering];
  const others = member === undefined ? [] : withoutUser(made);
  if (host !== undefined) context.lowest.release(host.fd);
  const clocks = clockOffsets === undefined ? [] : enterTimeNamespace(context, clockOffsets);
  const making = others.length === 0 ? [] : [unshare(context, others)];
  return { before, after: [...becomeRoot(context), ...making, ...leave, ...clocks], mounts };
}

function enterUserNamespace(context: NamespacesContext, member: number): RemoteCall[] {
  const fd = context.lowest.peek();
  const purpose = { attempt: "Cannot enter the user namespace of the root task" };
  return [
    remoteCall(context, "pidfd_open", [member, 0], { ...purpose, expected: fd }),
    remoteCall(context, "setns", [fd, CLONE_NEWUSER], {
      ...purpose,
      hints: { EINVAL: "Linux 5.8 or newer is needed" },
    }),
    remoteCall(context, "close", [fd], purpose),
  ];
}

export function withoutUser(kinds: readonly MadeNamespace[]): MadeNamespace[] {
  return kinds.filter((kind) => kind !== "user");
}

/** What is not there already. */
function madeKinds({ kinds, joins = [], net }: NamespacesPlan): MadeNamespace[] {
  const isThere = (kind: MadeNamespace) => joins.some((join) => join.kind === kind);
  return kinds.filter((kind) => kind === "net" ? net?.kind !== "join" : !isThere(kind));
}

/**
 * Makes the caller, who has just got into a user namespace with all capabilities, its root: else it has ids that there
 * are none of in it, and could make no file. What it has in /proc would be another's, as it would not be dumpable.
 */
export function becomeRoot(context: Pick<ContentsContext, "numbers">): RemoteCall[] {
  const purpose = {
    attempt: "Cannot become the root of the user namespace",
    hints: { EINVAL: "it has no user 0, or no group 0", EPERM: "that needs CAP_SETUID and CAP_SETGID in it" },
  };
  return [
    remoteCall(context, "setgroups", [0, 0], purpose),
    remoteCall(context, "setresgid", [0, 0, 0], purpose),
    remoteCall(context, "setresuid", [0, 0, 0], purpose),
    remoteCall(context, "prctl", [PR_SET_DUMPABLE, 1, 0, 0, 0], purpose),
  ];
}

/**
 * The same for the task that has begun the user namespace, with all capabilities as ambient ones; afterwards it has
 * those that its root is born with.
 */
export function becomeFirstRoot(context: Pick<ContentsContext, "numbers" | "ownCapabilities">): RemoteCall[] {
  const capabilities = { ...context.ownCapabilities, inheritable: 0n };
  const purpose = { attempt: "Cannot set the capabilities of the root task" };
  return [
    ...becomeRoot(context),
    remoteCall(context, "capset", capsetArguments(capabilities), purpose),
  ];
}

/** Puts the caller into new namespaces of these kinds. */
export function unshare(context: NamespacesContext, kinds: readonly MadeNamespace[]): RemoteCall {
  return remoteCall(context, "unshare", [flagsOf(kinds)], {
    attempt: `Cannot make namespaces: ${kinds.join(", ")}`,
    hints: {
      EINVAL: "the kernel was made without namespaces of such a kind",
      ENOSPC: "there are too many of them: see /proc/sys/user",
      EPERM: "that needs CAP_SYS_ADMIN",
    },
  });
}

/** A time namespace takes in who has one thread only, and its children. */
function enter(context: NamespacesContext, { kind, path }: JoinedNamespace): RemoteCall[] {
  const purpose = {
    attempt: `Cannot enter the ${kind} namespace "${path}"`,
    hints: { EINVAL: "it is none of that kind", EPERM: "that needs CAP_SYS_ADMIN, over it as well" },
  };
  return enterFile(context, { kind, path }, purpose);
}

function joinNet(context: NamespacesContext, { fd, key }: JoinNet): RemoteCall {
  return remoteCall(context, "setns", [fd, CLONE_NEWNET], {
    attempt: `Cannot enter the net namespace "${key}" behind descriptor ${fd}`,
    hints: { EPERM: "that needs CAP_SYS_ADMIN, over it as well" },
  });
}

/** Puts a task that is no child of the coordinator into the namespaces that the coordinator, its `pidfd`, has made. */
export function joinNamespaces(
  context: NamespacesContext,
  { kinds }: NamespacesPlan,
  pidfd: number,
): RemoteCall[] {
  if (kinds.length === 0) return [];
  const host = kinds.includes("mnt") ? openHost(context) : undefined;
  const join = remoteCall(context, "setns", [pidfd, flagsOf(kinds)], {
    attempt: `Cannot enter the namespaces of the coordinator: ${kinds.join(", ")}`,
    hints: { EINVAL: "Linux 5.8 or newer is needed", EPERM: "that needs CAP_SYS_ADMIN" },
  });
  return host === undefined ? [join] : [host.call, join, ...returnToHost(context, host.fd)];
}

function flagsOf(kinds: readonly MadeNamespace[]): number {
  return kinds.reduce((flags, kind) => flags | FLAGS[kind], 0);
}

/** A new time namespace is that of children only, and its clocks can be set as long as nobody is in it. */
function enterTimeNamespace(context: NamespacesContext, offsets: Clocks): RemoteCall[] {
  const children = { kind: "time", path: "/proc/self/ns/time_for_children" } as const;
  return [
    ...writeFile(context, {
      path: "/proc/self/timens_offsets",
      text: describeOffset(CLOCK_MONOTONIC, offsets.monotonic) + describeOffset(CLOCK_BOOTTIME, offsets.boottime),
      attempt: "Cannot set the clocks of the time namespace",
      hints: { EPERM: "that needs CAP_SYS_TIME", ERANGE: "a clock would be below 0, or beyond 146 years" },
    }),
    ...enterFile(context, children, { attempt: "Cannot enter the new time namespace" }),
  ];
}

function enterFile(context: NamespacesContext, { kind, path }: JoinedNamespace, purpose: Purpose): RemoteCall[] {
  const fd = context.lowest.peek();
  return [
    remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(path)), O_RDONLY], { ...purpose, expected: fd }),
    remoteCall(context, "setns", [fd, FLAGS[kind]], purpose),
    remoteCall(context, "close", [fd], purpose),
  ];
}

/** A line of timens_offsets: the nanoseconds are never below 0. */
export function describeOffset(clock: number, offset: bigint): string {
  const nanoseconds = (offset % SECOND + SECOND) % SECOND;
  return `${clock} ${(offset - nanoseconds) / SECOND} ${nanoseconds}\n`;
}
