import type { NetContents, NetDevice, NetNamespace } from "../../../model/namespaces.ts";
import { describeAddress, describeRoute } from "../../../model/describe_route.ts";
import { IFF_UP, nameDevice } from "../../../model/net_device.ts";
import { nameNetNamespace, netsOf } from "../../../model/net_numbers.ts";
import { describeRule } from "../../../model/route_rule.ts";
import { CTNETLINK_NEW, NLM_F_CREATE } from "../../../model/route_message.ts";
import type { Sysctl } from "./namespaces_plan.ts";
import type { FillNet, JoinNet, NetPlan, RouteRequest } from "./net_plan.ts";
import { addAddresses, findAddressObstacles, notesOnAddresses } from "./plan_addresses.ts";
import {
  childrenOf,
  connectDevices,
  type DeviceQuestions,
  findDeviceObstacles,
  LOOPBACK,
  makeDevices,
  notesOnDevices,
  outerEndsOf,
  pairsOf,
  setUpDevices,
} from "./plan_devices.ts";
import { planFilters } from "./plan_filters.ts";
import { planIds } from "./plan_ids.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";
import { addRoutes, findRouteObstacles } from "./plan_routes.ts";
import { findRuleObstacles, notesOnRules, replaceRules } from "./plan_rules.ts";

/** What planning a net namespace has to know. */
interface NetQuestions extends NamespaceQuestions {
  /** 0 is that of the root task. */
  readonly number: number;
}

/** Plans what becomes of the net namespace of the root task. */
export function planNet(net: NetNamespace, questions: NamespaceQuestions): NetPlan | undefined {
  if (net.kind === "empty") return { kind: "leave" };
  return net.kind === "external" ? planJoin(net.key, questions) : planFill(net, { ...questions, number: 0 });
}

/** Plans one that is not the root task's: nobody is told of it, so that it could be provided or set up by others. */
export function planNestedNet(net: NetNamespace, questions: NetQuestions): FillNet | undefined {
  if (net.kind === "own") return planFill(net, questions);
  const what = net.kind === "external"
    ? `is the external one ${JSON.stringify(net.key)}`
    : "is left to others to set up";
  questions.problems.push({
    where: nameNetNamespace(questions.number),
    what: `it ${what}, which only that of the root task can be`,
  });
  return undefined;
}

function planJoin(key: string, { inherited, host, problems }: NamespaceQuestions): JoinNet | undefined {
  const refuse = (what: string) => {
    problems.push({ where: nameNetNamespace(0), what });
    return undefined;
  };
  const fd = inherited(key);
  if (fd === undefined) {
    return refuse(`the external namespace ${JSON.stringify(key)} is needed: --inherit-fd "fd[N]:${key}"`);
  }
  const link = host.inherited.get(fd)?.name;
  // One that is not open has been told as a problem.
  if (link === undefined) return undefined;
  if (!/^net:\[\d+\]$/.test(link)) return refuse(`descriptor ${fd} for "${key}" is "${link}", and no net namespace`);
  return { kind: "join", fd, key, link };
}

function planFill(net: NetContents, questions: NetQuestions): FillNet {
  const { number, outerEnds, parents, contents, host: { network, programs, kernel }, problems, notes } = questions;
  const { devices, addresses, routes, rules, ids } = net;
  const hasUsers = contents.user !== undefined;
  const outside = { outerEnds, parents, network, kernel, hasUsers, number, nets: netsOf(contents), ids };
  const refuse = (what: string) => problems.push({ where: nameNetNamespace(number), what });
  findObstacles(net, outside).forEach(refuse);
  if (net.expectsConnections) notes.push("The kernel forgets which connections of the net namespace it expected");
  notes.push(...notesOnDevices(devices), ...notesOnAddresses(net), ...notesOnRules(net));
  return {
    kind: "fill",
    idRequests: planIds(ids),
    pairs: pairsOf(devices, outerEnds),
    children: childrenOf(devices, outside),
    deviceRequests: makeDevices(devices, outside),
    setUp: setUpDevices(devices, outside),
    sysctls: planSettings(net, questions),
    requests: [...addAddresses(net), ...addRoutes(net)],
    ruleRequests: replaceRules(net),
    filters: planFilters(net.filters, { programs, refuse }),
    tracked: net.tracked.map(trackConnection),
    connections: connectDevices(devices),
    outerEnds: outerEndsOf(devices, outerEnds),
    ids,
    devices: devices.length === 0 ? [LOOPBACK] : devices,
    addresses: addresses.map(describeAddress).sort(),
    routes: routes.map(describeRoute).sort(),
    ...rules === undefined ? {} : { rules: rules.map(describeRule) },
  };
}

/** One that is on its way may have been found by the kernel itself. */
function trackConnection(body: Uint8Array): RouteRequest {
  const attempt = "Cannot have the kernel track a connection of the net namespace";
  return { attempt, type: CTNETLINK_NEW, flags: NLM_F_CREATE, body, tolerated: ["EEXIST"] };
}

/** Why a namespace cannot be restored: everything in it that cannot be is named. */
function findObstacles(net: NetContents, questions: DeviceQuestions): string[] {
  const { devices } = net;
  const ownId = net.ids.get(questions.number);
  const indices = new Set([LOOPBACK, ...devices].map(({ index }) => index));
  return [
    ...findDeviceObstacles(devices, questions),
    ...findAddressObstacles(net, indices),
    ...findRouteObstacles(net, indices),
    ...findRuleObstacles(net, questions.hasUsers),
    ...ownId === undefined ? [] : [`its id ${ownId} for itself cannot be restored`],
  ];
}

function planSettings(net: NetContents, { number, host, mayLackSettings, problems, notes }: NetQuestions): Sysctl[] {
  const missing = settingFiles(net).filter((path) => !host.files.has(path));
  if (missing.length > 0) {
    const where = nameNetNamespace(number);
    const what = `this kernel does not have the settings ${missing.map(nameOf).join(", ")}`;
    if (mayLackSettings) notes.push(`Of the ${where}, ${what}: they are lost`);
    else problems.push({ where, what: `${what}; --weak-sysctls goes on without them` });
  }
  const { sysctls, devices } = net;
  const lost = new Map(devices.flatMap((device) => lostSetting(device, sysctls)));
  notes.push(...lost.values());
  return [...sysctls].filter(([path]) => !lost.has(path) && !missing.includes(fileOf(path)))
    .map(([path, value]) => ({ path, value }));
}

/** When a device gets connected, it takes the packets of IPv6 that it takes of all (`addrconf_notify`). */
function lostSetting(device: NetDevice, sysctls: NetContents["sysctls"]): [path: string, note: string][] {
  const path = `net/ipv6/conf/${device.name}/mtu`;
  const size = sysctls.get(path);
  const isUp = (device.flags & IFF_UP) !== 0;
  if (device.kind === "loopback" || !isUp || size === undefined || size === String(device.mtu)) return [];
  return [[path, `The packets of IPv6 of ${nameDevice(device)} have up to ${device.mtu} bytes, not ${size}`]];
}

function nameOf(path: string): string {
  return `"${path}"`;
}

/** The files of the settings that are needed; a new namespace has those that ours has. */
export function settingFiles({ sysctls }: NetContents): string[] {
  return [...new Set([...sysctls.keys()].map(fileOf))];
}

function fileOf(path: string): string {
  return `/proc/sys/${path.replace(/^(net\/ipv[46]\/conf)\/.*\/([^/]*)$/, "$1/default/$2")}`;
}
