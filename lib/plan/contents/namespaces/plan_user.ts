import type { Problem } from "../../../errors.ts";
import type { Terminal, TerminalMode } from "../../../model/files/terminal_file.ts";
import type { SocketOptions } from "../../../model/files/socket_options.ts";
import { leadsInto, NO_ID, outsideId } from "../../../model/id_ranges.ts";
import type { IdRange, UserNamespace } from "../../../model/namespaces.ts";
import type { Mount } from "../../../model/mounts.ts";
import type { OpenFile } from "../../../model/open_file.ts";
import { isAnonymous } from "../files/plan_memory_file.ts";
import { isAtLeast } from "../kernel_version.ts";
import { JOINABLE } from "./check_namespaces.ts";
import { imagesOf } from "./images_of.ts";
import { keepsLimits, problemsOfLimits } from "./ipc_limits.ts";
import { isRemoved, whereOf } from "./mount_places.ts";
import { isSingle } from "./plan_mounts.ts";
import type { UserPlan } from "./namespaces_plan.ts";
import type { NetPlan } from "./net_plan.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";

/** What making a user namespace takes in which there are others than its maker. */
const NEEDED = ["CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN"] as const;

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const DEVICES: readonly number[] = [S_IFCHR, 0o060000];
const SCHED_DEADLINE = 6;
/** Bits of SO_BUF_LOCK (SOCK_SNDBUF_LOCK and SOCK_RCVBUF_LOCK, net/sock.h). */
const LOCKED_SEND = 1;
const LOCKED_RECEIVE = 2;

/** Plans a user namespace. */
export function planUser(user: UserNamespace, questions: NamespaceQuestions): UserPlan {
  const { held, outerState, contents, newPidNamespace } = questions;
  return {
    ...user,
    entersLate: !newPidNamespace,
    state: outerState.map(({ file, value }) => ({ file, value })),
    images: imagesOf(held, contents),
  };
}

/** Tells what cannot be restored in a user namespace. */
export function checkUser(user: UserNamespace, net: NetPlan | undefined, questions: NamespaceQuestions): void {
  const { problems } = questions;
  const refuse = (what: string) => problems.push({ where: "user namespace", what });
  checkMaps(user, questions).forEach(refuse);
  checkWays(net, questions).forEach(refuse);
  checkObjects(questions).forEach(refuse);
  checkMounts(net, questions);
  checkIds(user, questions);
  checkHeld(questions);
}

function checkMaps({ uids, gids }: UserNamespace, { host }: NamespaceQuestions): string[] {
  const missing = NEEDED.filter((name) => !host.capabilities.has(name));
  const has = (own: readonly IdRange[] | undefined, ranges: readonly IdRange[]) => (
    own === undefined || leadsInto(ranges, own)
  );
  return [
    ...missing.length === 0 ? [] : [`${missing.join(", ")} missing, to make it and its maps`],
    ...outsideId(uids, 0) === undefined || outsideId(gids, 0) === undefined
      ? ["it has no user 0, or no group 0, which would make what is in it"]
      : [],
    ...has(host.user?.uids, uids) ? [] : ["it has users that this host does not have: see /proc/self/uid_map"],
    ...has(host.user?.gids, gids) ? [] : ["it has groups that this host does not have: see /proc/self/gid_map"],
  ];
}

/** Whether the tasks can get into it. */
function checkWays(net: NetPlan | undefined, questions: NamespaceQuestions): string[] {
  const { newPidNamespace, rootIsSibling, host, held, sharesDescriptors, places } = questions;
  if (newPidNamespace) return rootIsSibling ? siblingProblems(net, questions) : [];
  const threaded = [...held.threads.keys()].filter((tid) => !held.tasks.has(tid));
  return [
    ...isAtLeast(host.kernel, JOINABLE) ? [] : ["Linux 5.8 or newer is needed where the tasks have no pid namespace"],
    ...threaded.length === 0
      ? []
      : [`thread ${threaded[0]} cannot have its tid in it: the tasks have no pid namespace of their own`],
    ...sharesDescriptors && places !== undefined
      ? ["tasks share their descriptors, and have mounts, but no pid namespace of their own"]
      : [],
  ];
}

/** A root task that begins it is nobody outside. */
function siblingProblems(net: NetPlan | undefined, { joins, outerState }: NamespaceQuestions): string[] {
  const joined = [...joins.map(({ kind }) => kind), ...net?.kind === "join" ? ["net" as const] : []];
  return [
    ...outerState.some(({ key }) => key === "loginUid")
      ? ["its tasks have another login uid than cgrestore, which --restore-sibling cannot set"]
      : [],
    ...joined.map((kind) =>
      `the ${kind} namespace is another one's, which --restore-sibling cannot enter from within it`
    ),
  ];
}

/** What becomes of an ipc namespace that it owns. */
function checkObjects(questions: NamespaceQuestions): string[] {
  const { ipc } = questions.contents;
  return ipc === undefined || !keepsLimits(questions) ? [] : problemsOfLimits(ipc);
}

function checkMounts(net: NetPlan | undefined, questions: NamespaceQuestions): void {
  const { places, problems } = questions;
  for (const mount of places?.mounts ?? []) {
    const refuse = (what: string) => problems.push({ where: whereOf(mount), what });
    if (places !== undefined && isRemoved(mount) && places.placeOf(mount)?.kind === "here") {
      refuse("what it shows was removed, and nobody in the user namespace may be able to make it again");
    }
    if (places?.placeOf(mount)?.kind !== "made" || places.baseOf(mount) !== undefined) continue;
    const what = problemOfMade(mount, net, questions);
    if (what !== undefined) refuse(what);
  }
}

/** Why nobody in the user namespace can make a file system. */
function problemOfMade(
  { type, tree }: Mount,
  net: NetPlan | undefined,
  { newPidNamespace, host: { fileSystems } }: NamespaceQuestions,
): string | undefined {
  const lacks = (kind: string) => (
    `the tasks have no ${kind} namespace of their own, so that nobody in their user namespace may make it: it had to be ` +
    "dumped as an external one"
  );
  if (type === "sysfs" && net === undefined) return lacks("net");
  if (type === "proc" && !newPidNamespace) return lacks("pid");
  if (type === "hugetlbfs") return "nobody in the user namespace may make it";
  if (type === "binfmt_misc") return "a user namespace may have formats of its own in it, which are not restored";
  if (isSingle({ type }) && !fileSystems.has(type)) {
    return "nobody in the user namespace may make it, and it is not mounted here";
  }
  const device = tree?.find((file) => DEVICES.includes(file.mode & S_IFMT) && !isWhiteout(file));
  return device && `${JSON.stringify(device.path)} is a device, which no user namespace has of its own`;
}

/** What hides something in an overlay: anybody may make such a device (linux/fs.h: `WHITEOUT_DEV`). */
function isWhiteout({ mode, device }: NonNullable<Mount["tree"]>[number]): boolean {
  return (mode & S_IFMT) === S_IFCHR && device === 0;
}

/** An owner of something, and what it owns. */
interface Owner {
  readonly where: string;
  readonly uids?: readonly number[];
  readonly gids?: readonly number[];
}

/** Ids that are not mapped are as good as none. */
function checkIds({ uids, gids }: UserNamespace, questions: NamespaceQuestions): void {
  for (const owner of ownersOf(questions)) {
    const unknown = [
      ...unmapped(uids, owner.uids).map((id) => `user ${id}`),
      ...unmapped(gids, owner.gids).map((id) => `group ${id}`),
    ];
    if (unknown.length === 0) continue;
    questions.problems.push({ where: owner.where, what: `it has ${unknown.join(", ")}, not of the user namespace` });
  }
}

function unmapped(ranges: readonly IdRange[], ids: readonly number[] = []): number[] {
  return [...new Set(ids)].filter((id) => outsideId(ranges, id) === undefined);
}

function ownersOf({ held, contents, places }: NamespaceQuestions): Owner[] {
  const objects = [
    ...contents.ipc?.segments.map((object) => ({ ...object, what: "shared memory" })) ?? [],
    ...contents.ipc?.queues.map((object) => ({ ...object, what: "message queue" })) ?? [],
    ...contents.ipc?.semaphores.map((object) => ({ ...object, what: "set of semaphores" })) ?? [],
  ];
  return [
    ...[...held.threads].map(([tid, { credentials: c }]) => ({
      where: `task ${tid}`,
      uids: c === undefined ? [] : [c.uid, c.effectiveUid, c.savedUid, c.fsUid],
      gids: c === undefined ? [] : [c.gid, c.effectiveGid, c.savedGid, c.fsGid, ...c.groups],
    })),
    ...[...held.files.values()].flatMap(ownersOfFile),
    ...objects.map(({ id, what, uid, gid, creatorUid, creatorGid }) => ({
      where: `${what} ${id}`,
      uids: [uid, creatorUid],
      gids: [gid, creatorGid],
    })),
    ...places?.mounts.flatMap((mount) => (
      mount.tree?.map(({ path, uid, gid }) => ({ where: `${whereOf(mount)}, "${path}"`, uids: [uid], gids: [gid] })) ??
        []
    )) ?? [],
  ];
}

function ownersOfFile(file: OpenFile): Owner[] {
  const owned = (
    what: string,
    { uid, gid }: { readonly uid: number; readonly gid: number },
  ) => [{ where: what, uids: [uid], gids: [gid] }];
  switch (file.kind) {
    case "path":
      return file.remap?.kind === "ghost" ? owned(`file "${file.path}"`, file.remap.ghost) : [];
    case "memfd":
      return isAnonymous(file.inode) ? [] : owned(`memfd "${file.inode.name}"`, file.inode);
    case "terminal":
      return file.terminal.owner === undefined ? [] : owned("terminal", file.terminal.owner).map(withoutNobody);
    case "unix":
      return file.name?.kind === "path" && file.name.permissions !== undefined
        ? owned(`unix socket "${file.name.path}"`, file.name.permissions)
        : [];
    default:
      return [];
  }
}

/** Whoever makes a terminal that belonged to nobody inside is its owner. */
function withoutNobody({ where, uids, gids }: Required<Owner>): Owner {
  return { where, uids: uids.filter((id) => id !== NO_ID), gids: gids.filter((id) => id !== NO_ID) };
}

/** What takes capabilities outside of any user namespace. */
function checkHeld({ held, host, problems }: NamespaceQuestions): void {
  const mayRaise = host.capabilities.has("CAP_SYS_RESOURCE");
  for (const [tid, { scheduling: { policy, priority, nice } }] of held.threads) {
    const isUrgent = priority > 0 || nice < host.own.nice;
    const where = `task ${tid}`;
    if (policy === SCHED_DEADLINE) problems.push({ where, what: "nobody in a user namespace may set its deadlines" });
    else if (isUrgent && !mayRaise) {
      problems.push({ where, what: "CAP_SYS_RESOURCE is missing, to set its priority in a user namespace" });
    }
  }
  for (const file of held.files.values()) {
    if (file.kind === "terminal" && isNested(host)) problems.push(...terminalProblems(file.terminal));
    if (!("options" in file) || host.user === undefined) continue;
    const { largestSendBuffer, largestReceiveBuffer } = host.user;
    const where = `${file.kind} socket ${file.id}`;
    for (const what of bufferProblems(file.options, largestSendBuffer, largestReceiveBuffer)) {
      problems.push({ where, what });
    }
  }
}

/** How many users the first user namespace has: all but NO_ID. */
const ALL = 2 ** 32 - 1;

/** Whether cgrestore itself is in another user namespace than the first. */
function isNested({ user }: NamespaceQuestions["host"]): boolean {
  return user !== undefined && !user.uids.some(({ count }) => count === ALL);
}

/** What takes capabilities in the first user namespace, which cgrestore has to have then (`makePty`). */
function terminalProblems({ type, index, queue, settings }: Terminal): Problem[] {
  const where = `terminal, ${type} ${index}`;
  const isLocked = settings !== undefined && isAnySet(settings.locked);
  return [
    ...queue.length === 0 ? [] : ["what waits to be read from it cannot be put back"],
    ...isLocked ? ["what of its mode is locked cannot be locked"] : [],
  ].map((what) => ({ where, what: `${what}: cgrestore itself is in a user namespace` }));
}

function isAnySet({ characters, ...words }: TerminalMode): boolean {
  return characters.some((byte) => byte !== 0) || Object.values(words).some((word) => word !== 0);
}

/** The kernel doubles what is asked for; buffers that nobody has chosen grow by themselves. */
function bufferProblems(options: SocketOptions, mostSent: number, mostReceived: number): string[] {
  const { sendBuffer, receiveBuffer, lockedBuffers = 0 } = options;
  const tell = (name: string, size: number, sysctl: string) => (
    `its ${name} buffer of ${size} bytes is larger than may be asked for in a user namespace: see the sysctl ${sysctl}`
  );
  return [
    ...(lockedBuffers & LOCKED_SEND) !== 0 && sendBuffer > 2 * mostSent
      ? [tell("send", sendBuffer, "net.core.wmem_max")]
      : [],
    ...(lockedBuffers & LOCKED_RECEIVE) !== 0 && receiveBuffer > 2 * mostReceived
      ? [tell("receive", receiveBuffer, "net.core.rmem_max")]
      : [],
  ];
}
