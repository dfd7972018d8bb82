import type { Mount } from "../model/mounts.ts";
import type {
  Clocks,
  IdRange,
  IpcNamespace,
  NamespaceContents,
  NetContents,
  NetDevice,
  NetNamespace,
  UserNamespace,
  UtsNamespace,
} from "../model/namespaces.ts";
import type { FilterTool } from "../model/packet_filters.ts";
import { IFF_UP, namePeer } from "../model/net_device.ts";
import type { MountsPlan, MountStep } from "../plan/contents/namespaces/mounts_plan.ts";
import type { NamespacesPlan } from "../plan/contents/namespaces/namespaces_plan.ts";
import type { FillNet, NetPlan } from "../plan/contents/namespaces/net_plan.ts";
import type { OuterEnd } from "../plan/plan.ts";
import { count, printable } from "./printable.ts";

const SECOND = 1e9;

interface DescribedNamespaces {
  readonly user?: UserNamespace;
  readonly uts?: UtsNamespace;
  readonly ipc?: Pick<IpcNamespace, "segments" | "queues" | "semaphores">;
}

/** What namespaces have, a line for each. */
export function describeNamespaces(
  { net, nestedNets = [], netNamespaces, mounts, mountNamespaces, ...others }:
    & DescribedNamespaces
    & Pick<NamespaceContents, "net" | "nestedNets" | "netNamespaces" | "mounts" | "mountNamespaces">,
): string[] {
  return [
    ...describeSame(others),
    ...net === undefined ? [] : [`net: ${describeNet(net)}`],
    ...describeNested(nestedNets, { homes: netNamespaces, describe: describeNet }),
    ...mounts === undefined ? [] : describeMounts(mounts, { homes: mountNamespaces, describe: describeMount }),
  ];
}

function describeSame({ user, uts, ipc }: DescribedNamespaces): string[] {
  return [
    ...user === undefined ? [] : [`user: users ${describeIds(user.uids)}; groups ${describeIds(user.gids)}`],
    ...uts === undefined ? [] : [`uts: host ${quote(uts.hostName)}, domain ${quote(uts.domainName)}`],
    ...ipc === undefined ? [] : [`ipc: ${describeIpc(ipc)}`],
  ];
}

/** `"0-65535 are 100000-165535"` */
function describeIds(ranges: readonly IdRange[]): string {
  const describe = (first: number, count: number) => count === 1 ? `${first}` : `${first}-${first + count - 1}`;
  return ranges.map(({ first, outside, count }) => (
    `${describe(first, count)} ${count === 1 ? "is" : "are"} ${describe(outside, count)}`
  )).join(", ");
}

const EMPTY = "left to others to set up";

function describeNet(net: NetNamespace): string {
  if (net.kind === "empty") return EMPTY;
  if (net.kind === "external") return `external, ${quote(net.key)}`;
  const filters = describeFilters(net.filters);
  return [...net.devices.map(describeDevice), describeRoutes(net), ...filters].join(", ");
}

function describeFilters(filters: readonly { readonly tool: FilterTool }[]): string[] {
  return filters.length === 0 ? [] : [`rules for packets of ${filters.map(({ tool }) => tool).join(" and ")}`];
}

function describeDevice(device: NetDevice): string {
  const { name, kind, flags, peerNet } = device;
  const peer = peerNet === undefined ? "" : `, connected to ${namePeer(device)}`;
  return `${kind} device ${quote(name)} ${(flags & IFF_UP) === 0 ? "down" : "up"}${peer}`;
}

function describeOuterEnd({ name, bridge }: OuterEnd): string {
  const place = bridge === undefined ? "" : ` in bridge ${quote(bridge)}`;
  return `its other end ${quote(name)} here${place}`;
}

function describeRoutes(
  { addresses, routes, rules }: Pick<NetContents | FillNet, "addresses" | "routes" | "rules">,
): string {
  const more = rules === undefined ? "" : `, ${count(rules.length, "rule for routes", "rules for routes")}`;
  return `${count(addresses.length, "address", "addresses")}, ${count(routes.length, "route")}${more}`;
}

function describeMadeNet(net: NetPlan): string {
  if (net.kind === "leave") return EMPTY;
  if (net.kind === "join") return `that behind descriptor ${net.fd}, for ${quote(net.key)}`;
  const outside = ({ name }: NetDevice) => net.outerEnds.filter(({ inner }) => inner === name).map(describeOuterEnd);
  const filters = describeFilters(net.filters);
  return [
    ...net.devices.flatMap((device) => [describeDevice(device), ...outside(device)]),
    describeRoutes(net),
    ...filters,
  ].join(", ");
}

/** What namespaces are made, a line for each. */
export function describeMadeNamespaces(
  { joins = [], user, uts, ipc, net, nestedNets, clockOffsets, mounts }: NamespacesPlan,
): string[] {
  return [
    ...joins.map(({ kind, path }) => `${kind}: that of ${quote(path)}`),
    ...describeSame({
      ...user === undefined ? {} : { user },
      ...uts === undefined ? {} : { uts },
      ...ipc === undefined ? {} : { ipc },
    }),
    ...net === undefined ? [] : [`net: ${describeMadeNet(net)}`],
    ...describeNested(nestedNets?.namespaces.flatMap((nested) => nested.net ?? []) ?? [], {
      homes: nestedNets?.homes,
      describe: describeMadeNet,
    }),
    ...clockOffsets === undefined ? [] : [`time: ${describeOffsets(clockOffsets)}`],
    ...mounts === undefined ? [] : describeMounts(mounts.steps, {
      homes: mounts.nested?.homes,
      describe: (step) => describeStep(step, mounts),
    }),
  ];
}

/** The first namespace is that of the root task, and of those that are in no other one. */
function describeMounts<T extends Pick<Mount, "namespace">>(
  mounts: readonly T[],
  { homes = new Map(), describe }: {
    readonly homes: ReadonlyMap<number, number> | undefined;
    readonly describe: (mount: T) => string;
  },
): string[] {
  return [...Map.groupBy(mounts, ({ namespace }) => namespace)].flatMap(([namespace, own]) => [
    `mnt${namespace === 0 ? "" : ` ${namespace + 1}`}: ${count(own.length, "mount")}${describeHomes(homes, namespace)}`,
    ...own.map((mount) => `  ${describe(mount)}`),
  ]);
}

/** Net namespaces that are not the root task's, from number 1 on. */
function describeNested<T>(
  nets: readonly T[],
  { homes = new Map(), describe }: {
    readonly homes: ReadonlyMap<number, number> | undefined;
    readonly describe: (net: T) => string;
  },
): string[] {
  return nets.map((net, index) => `net ${index + 2}${describeHomes(homes, index + 1)}: ${describe(net)}`);
}

/** `", of tasks 34, 35"` */
function describeHomes(homes: ReadonlyMap<number, number>, namespace: number): string {
  const pids = [...homes].filter(([, home]) => home === namespace).map(([pid]) => pid).sort((a, b) => a - b);
  return pids.length === 0 ? "" : `, of ${pids.length === 1 ? "task" : "tasks"} ${pids.join(", ")}`;
}

function describeMount({ mountPoint, type, root, external, isDeleted, tree }: Mount): string {
  const what = type === "" ? "file system" : type;
  const part = root === "/" || external !== undefined ? "" : `, ${quote(root)} of it`;
  const outside = external === undefined ? "" : `, external as ${quote(external)}`;
  const removed = isDeleted ? ", removed" : "";
  return `${quote(mountPoint)}: ${what}${part}${removed}${outside}${describeFiles(tree ?? [])}`;
}

function describeStep({ mountPoint, source }: MountStep, { steps }: MountsPlan): string {
  switch (source.kind) {
    case "here":
      return `${quote(mountPoint)}: ${quote(source.path)} of this host`;
    case "part": {
      const base = steps[source.of]?.mountPoint ?? "";
      const part = source.path === "" ? "the same as" : `${quote(source.path)} of`;
      return `${quote(mountPoint)}: ${part} ${quote(base)}${source.removed === undefined ? "" : ", removed"}`;
    }
    case "new":
      return `${quote(mountPoint)}: a new ${printable(source.type)}${describeFiles(source.files)}`;
    case "overlay":
      return `${quote(mountPoint)}: a new overlay`;
  }
}

/** The directory itself is among them. */
function describeFiles({ length }: { readonly length: number }): string {
  return length <= 1 ? "" : ` with ${count(length - 1, "file")}`;
}

function describeIpc({ segments, queues, semaphores }: NonNullable<DescribedNamespaces["ipc"]>): string {
  const messages = queues.reduce((sum, queue) => sum + queue.messages.length, 0);
  const objects = [
    ...segments.length === 0 ? [] : [count(segments.length, "segment of shared memory", "segments of shared memory")],
    ...queues.length === 0 ? [] : [`${count(queues.length, "message queue")} with ${count(messages, "message")}`],
    ...semaphores.length === 0 ? [] : [count(semaphores.length, "set of semaphores", "sets of semaphores")],
  ];
  return objects.length === 0 ? "no System V objects" : objects.join(", ");
}

function quote(name: string): string {
  return `"${printable(name)}"`;
}

function describeOffsets({ monotonic, boottime }: Clocks): string {
  const [clock, boot] = [monotonic, boottime].map((offset) => `${(Number(offset) / SECOND).toFixed(3)} s`);
  return `monotonic clock ${clock} and clock since boot ${boot} from this host's`;
}
