import type { Clocks, IpcNamespace, NetContents, NetDevice, NetNamespace, UtsNamespace } from "../model/namespaces.ts";
import type { NamespacesPlan } from "../plan/contents/namespaces/namespaces_plan.ts";
import type { NetPlan } from "../plan/contents/namespaces/net_plan.ts";
import { count, printable } from "./printable.ts";

const SECOND = 1e9;

interface DescribedNamespaces {
  readonly uts?: UtsNamespace;
  readonly ipc?: Pick<IpcNamespace, "segments" | "queues" | "semaphores">;
}

/** What namespaces have, a line for each. */
export function describeNamespaces(
  { net, ...others }: DescribedNamespaces & { readonly net?: NetNamespace },
): string[] {
  return [...describeSame(others), ...net === undefined ? [] : [`net: ${describeNet(net)}`]];
}

function describeSame({ uts, ipc }: DescribedNamespaces): string[] {
  return [
    ...uts === undefined ? [] : [`uts: host ${quote(uts.hostName)}, domain ${quote(uts.domainName)}`],
    ...ipc === undefined ? [] : [`ipc: ${describeIpc(ipc)}`],
  ];
}

const EMPTY = "left to others to set up";

function describeNet(net: NetNamespace): string {
  if (net.kind === "empty") return EMPTY;
  if (net.kind === "external") return `external, ${quote(net.key)}`;
  const filters = net.filters.length === 0 ? [] : [count(net.filters.length, "rule for packets", "rules for packets")];
  return [...net.devices.map(describeDevice), describeRoutes(net), ...filters].join(", ");
}

/** IFF_UP */
function describeDevice({ name, kind, flags }: NetDevice): string {
  return `${kind} device ${quote(name)} ${(flags & 1) === 0 ? "down" : "up"}`;
}

function describeRoutes(
  { addresses, routes }: Record<keyof Pick<NetContents, "addresses" | "routes">, readonly unknown[]>,
) {
  return `${count(addresses.length, "address", "addresses")}, ${count(routes.length, "route")}`;
}

function describeMadeNet(net: NetPlan): string {
  if (net.kind === "leave") return EMPTY;
  if (net.kind === "join") return `that behind descriptor ${net.fd}, for ${quote(net.key)}`;
  return [`loopback device ${(net.loopback.flags & 1) === 0 ? "down" : "up"}`, describeRoutes(net)].join(", ");
}

/** What namespaces are made, a line for each. */
export function describeMadeNamespaces({ uts, ipc, net, clockOffsets }: NamespacesPlan): string[] {
  return [
    ...describeSame({ ...uts === undefined ? {} : { uts }, ...ipc === undefined ? {} : { ipc } }),
    ...net === undefined ? [] : [`net: ${describeMadeNet(net)}`],
    ...clockOffsets === undefined ? [] : [`time: ${describeOffsets(clockOffsets)}`],
  ];
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
