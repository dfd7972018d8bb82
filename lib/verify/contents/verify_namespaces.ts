import type { Problem } from "../../errors.ts";
import { parseTimeOffsets } from "../../host/describe_clocks.ts";
import { parseMounts } from "../../host/parse_mounts.ts";
import { describeRanges, parseRanges } from "../../model/id_ranges.ts";
import type { IpcObject, IpcSegment, MessageQueue, SemaphoreSet, UtsNamespace } from "../../model/namespaces.ts";
import { describeDevice } from "../../model/net_device.ts";
import { countNetNamespace, nameNetNamespace } from "../../model/net_numbers.ts";
import type { MadeNamespace, NamespacesPlan, Sysctl } from "../../plan/contents/namespaces/namespaces_plan.ts";
import type { FillNet, NetPlan } from "../../plan/contents/namespaces/net_plan.ts";
import type { JoinedNamespace } from "../../plan/plan.ts";
import { readText } from "../../sys/files.ts";
import { reading, type TaskObserver } from "../verify_tasks.ts";
import { compareMounts } from "./compare_mounts.ts";
import type { OverlayDefault } from "./compare_overlay.ts";

/** What the kernel says of namespaces that were made, seen from within. */
export interface ObservedNamespaces {
  /** What /proc/PID/ns says of those that are in them. */
  readonly links: ReadonlyMap<MadeNamespace, string>;
  /** The same of mount namespaces, by their numbers, where there are several; and of net namespaces. */
  readonly mountLinks: readonly string[];
  readonly netLinks: readonly string[];
  readonly uts?: UtsNamespace;
  /** By their numbers; without those of which the plan says nothing. */
  readonly nets: readonly (ObservedNet | undefined)[];
  /** Values by path, of the ipc namespace. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly segments: readonly ObservedSegment[];
  readonly queues: readonly ObservedQueue[];
  readonly semaphores: readonly SemaphoreSet[];
}

export interface ObservedNet extends Pick<FillNet, "devices" | "addresses" | "routes" | "rules" | "ids"> {
  /** Values by path. */
  readonly sysctls: ReadonlyMap<string, string>;
}

export type ObservedSegment = IpcObject & Pick<IpcSegment, "size" | "isLocked">;

export type ObservedQueue = IpcObject & Pick<MessageQueue, "capacity"> & { readonly count: number };

/** Tells how namespaces differ from the plan, and which of the tasks `pids` are not in them. */
export function verifyNamespaces(
  observer: TaskObserver,
  plan: NamespacesPlan,
  { observed, pids }: { readonly observed: ObservedNamespaces; readonly pids: readonly number[] },
): Problem[] {
  const { sys, hostPid } = observer;
  const [root = 0] = pids;
  const what = compareNamespaces(plan, observed);
  return [
    ...what.map((what) => ({ where: "namespaces", what })),
    ...reading(
      "namespaces",
      () => compareNet(plan.net, { found: observed.links.get("net"), own: () => sys.readLink("/proc/self/ns/net") }),
    ),
    ...pids.flatMap((pid) => (
      reading(`task ${pid}`, () => (
        [...observed.links].flatMap(([kind, link]) => {
          const wanted = nestedLinkOf(pid, kind, { plan, observed }) ?? link;
          return difference(`its ${kind} namespace`, wanted, sys.readLink(`/proc/${hostPid(pid)}/ns/${kind}`));
        })
      ))
    )),
    ...(plan.joins ?? []).flatMap((join) => (
      reading("namespaces", () => compareJoined(join, (path) => sys.identity(path), hostPid(root)))
    )),
    ...reading("user namespace", () => compareMaps(plan, (map) => readText(sys, `/proc/${hostPid(root)}/${map}`))),
    ...reading(
      "mnt namespace",
      () =>
        compareMountsOf(plan, root, {
          read: (pid) => readText(sys, `/proc/${hostPid(pid)}/mountinfo`),
          isDefault: (option) => readText(sys, `/sys/module/overlay/parameters/${option}`).startsWith("Y"),
        }),
    ),
    ...reading("namespaces", () => compareClocks(plan, () => readText(sys, `/proc/${hostPid(root)}/timens_offsets`))),
  ];
}

/** Whether the task `root` is in the namespace that it should have joined. */
export function compareJoined(
  { kind, path }: JoinedNamespace,
  identity: (path: string) => string,
  root: number,
): string[] {
  const isSame = identity(path) === identity(`/proc/${root}/ns/${kind}`);
  return isSame ? [] : [`the ${kind} namespace is another one than "${path}"`];
}

/** Which ids there are in the user namespace, as a file of /proc/PID tells it. */
export function compareMaps({ user }: NamespacesPlan, read: (map: "uid_map" | "gid_map") => string): string[] {
  if (user === undefined) return [];
  const maps = [["uid_map", user.uids], ["gid_map", user.gids]] as const;
  return maps.flatMap(([map, ranges]) => (
    difference(map, describeRanges(ranges).trim(), describeRanges(parseRanges(read(map))).trim())
  ));
}

/** Of a kind of which tasks are in several. */
function nestedLinkOf(
  pid: number,
  kind: MadeNamespace,
  { plan: { mounts, nestedNets }, observed: { mountLinks, netLinks } }: {
    readonly plan: NamespacesPlan;
    readonly observed: ObservedNamespaces;
  },
): string | undefined {
  if (kind === "mnt") return mountLinks[mounts?.nested?.homes.get(pid) ?? 0];
  return kind === "net" ? netLinks[nestedNets?.homes.get(pid) ?? 0] : undefined;
}

/** @param read what the kernel says of the mounts that a task sees */
function compareMountsOf(
  { mounts }: NamespacesPlan,
  root: number,
  { read, isDefault }: { readonly read: (pid: number) => string; readonly isDefault: OverlayDefault },
): string[] {
  if (mounts === undefined) return [];
  const witnesses = mounts.nested?.namespaces.map(({ witness }) => witness) ?? [root];
  return compareMounts(mounts, witnesses.map((pid) => parseMounts(read(pid))), isDefault);
}

/** Whether the net namespace is the one that the tasks should be in; `links` are what /proc says of it and of ours. */
export function compareNet(
  net: NetPlan | undefined,
  links: { readonly found: string | undefined; readonly own: () => string },
): string[] {
  if (net === undefined) return [];
  if (net.kind === "join") return difference("the net namespace", net.link, links.found);
  return links.found === links.own() ? ["the net namespace is cgrestore's own, and should be another one"] : [];
}

function compareClocks({ clockOffsets }: NamespacesPlan, read: () => string): string[] {
  if (clockOffsets === undefined) return [];
  const { monotonic, boottime } = parseTimeOffsets(read());
  return [
    ...difference("the offset of the monotonic clock", `${clockOffsets.monotonic} ns`, `${monotonic} ns`),
    ...difference("the offset of the clock since boot", `${clockOffsets.boottime} ns`, `${boottime} ns`),
  ];
}

/** How namespaces differ from the plan. */
export function compareNamespaces(
  { uts, ipc, net, nestedNets }: NamespacesPlan,
  observed: ObservedNamespaces,
): string[] {
  const nets = [net, ...nestedNets?.namespaces.slice(1).map((nested) => nested.net) ?? []];
  return [
    ...difference("the host name", uts?.hostName, observed.uts?.hostName),
    ...difference("the domain name", uts?.domainName, observed.uts?.domainName),
    ...compareSysctls(ipc?.sysctls ?? [], observed.sysctls),
    ...nets.flatMap((plan, number) => (
      plan?.kind !== "fill" ? [] : compareNetContents(plan, observed.nets[number]).map((what) => (
        number === 0 ? what : `${nameNetNamespace(number)}: ${what}`
      ))
    )),
    ...compareObjects("the shared memory", ipc?.segments.filter(({ isRemoved }) => !isRemoved) ?? [], {
      found: observed.segments,
      describe: ({ size, isLocked }) => `${size} bytes${isLocked ? ", locked" : ""}`,
    }),
    ...compareObjects(
      "the message queue",
      ipc?.queues.map((queue) => ({ ...queue, count: queue.messages.length })) ?? [],
      {
        found: observed.queues,
        describe: ({ count, capacity }) => `${count} messages, for ${capacity} bytes`,
      },
    ),
    ...compareObjects("the set of semaphores", ipc?.semaphores ?? [], {
      found: observed.semaphores,
      describe: ({ values }) => values.join(" "),
    }),
  ];
}

function compareSysctls(sysctls: readonly Sysctl[], observed: ReadonlyMap<string, string>): string[] {
  return sysctls.flatMap(({ path, value }) => (
    difference(`the sysctl ${path.replaceAll("/", ".")}`, value, observed.get(path))
  ));
}

/** Some kernels give each namespace further devices. */
function compareNetContents(
  { devices, addresses, routes, rules, sysctls, ids }: FillNet,
  observed: ObservedNet | undefined,
): string[] {
  const found = new Map(observed?.devices.map((device) => [device.name, describeDevice(device)]));
  return [
    ...compareSysctls(sysctls, observed?.sysctls ?? new Map()),
    ...devices.flatMap((device) => (
      difference(`the device "${device.name}"`, describeDevice(device), found.get(device.name))
    )),
    ...compareLists("address", addresses, observed?.addresses ?? []),
    ...compareLists("route", routes, observed?.routes ?? []),
    ...[...ids].flatMap(([number, id]) => (
      difference(`the id of ${countNetNamespace(number)}`, `${id}`, observed?.ids.get(number)?.toString())
    )),
    ...difference("the list of rules for routes", rules?.join(", "), observed?.rules?.join(", ")),
  ];
}

function compareLists(what: string, wanted: readonly string[], found: readonly string[]): string[] {
  const missing = wanted.filter((line) => !found.includes(line));
  const unexpected = found.filter((line) => !wanted.includes(line));
  return [
    ...missing.map((line) => `the ${what} "${line}" is missing`),
    ...unexpected.map((line) => `the ${what} "${line}" is there, and should not be`),
  ];
}

function compareObjects<T extends IpcObject>(
  what: string,
  wanted: readonly T[],
  { found, describe }: { readonly found: readonly T[]; readonly describe: (object: T) => string },
): string[] {
  const describeAll = (object: T) => `${describeObject(object)}, ${describe(object)}`;
  return wanted.flatMap((object) => {
    const other = found.find(({ id }) => id === object.id);
    return difference(`${what} ${object.id}`, describeAll(object), other && describeAll(other));
  });
}

function describeObject({ key, mode, uid, gid, creatorUid, creatorGid }: IpcObject): string {
  return `key 0x${key.toString(16)}, mode ${mode.toString(8)}, of ${uid}:${gid}, by ${creatorUid}:${creatorGid}`;
}

function difference(what: string, expected: string | undefined, actual: string | undefined): string[] {
  if (expected === undefined || expected === actual) return [];
  const found = actual === undefined ? "missing" : JSON.stringify(actual);
  return [`${what} is ${found}, and should be ${JSON.stringify(expected)}`];
}
