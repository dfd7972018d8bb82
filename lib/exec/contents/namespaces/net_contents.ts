import { describeAddress, describeRoute, isTemporary } from "../../../model/describe_route.ts";
import type { NetDevice, NetDeviceKind } from "../../../model/namespaces.ts";
import { CONNECTED_KINDS, MADE_KINDS } from "../../../model/net_device.ts";
import {
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  numberAt,
  parseAttributes,
  type RouteMessage,
  RT_TABLE_MAIN,
  RTM_GETLINK,
  RTM_NEWROUTE,
} from "../../../model/route_message.ts";
import { describeRule } from "../../../model/route_rule.ts";
import { decodeText } from "../../../text.ts";
import type { NamespacesPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { FillNet, NetPlan } from "../../../plan/contents/namespaces/net_plan.ts";
import type { ObservedNet } from "../../../verify/contents/verify_namespaces.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { enterNet } from "./nested_nets.ts";
import type { Observation } from "./observation.ts";
import { observeSysctl } from "./observe_sysctl.ts";
import { askForIds, askForRoutes, listRoutes, type RouteContext } from "./route_requests.ts";
import { writeSysctl } from "./write_sysctl.ts";

/** RTM_GET* (linux/rtnetlink.h), and attributes of what they list. */
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const RTM_GETRULE = 34;
const RTA_TABLE = 15;
const AF_INET = 2;
const AF_INET6 = 10;
/** Families of addresses: routes of others are for multicast. */
const FAMILIES: readonly number[] = [AF_INET, AF_INET6];

/** Most bytes of what is listed: the kernel makes up to five further routes for each address. */
const LINK_SIZE = 4096;
/** Those that some kernels give each namespace. */
const OTHER_DEVICES = 8;
const ADDRESS_SIZE = 128;
const ROUTE_SIZE = 256;
const LOCAL_ROUTES_SIZE = 5 * ROUTE_SIZE;
const RULE_SIZE = 256;
/** Those of other families, which each namespace has. */
const OTHER_RULES = 8;

/**
 * Gives the net namespace that the caller is in what it had besides devices, which have to be set up before. `read`
 * throws a `SysError` when something was refused.
 */
export function fillNet(context: RouteContext, net: FillNet): Observation<void> {
  const { calls, read } = askForRoutes(context, net.requests);
  return { calls: [...net.sysctls.flatMap((sysctl) => writeSysctl(context, sysctl)), ...calls], read };
}

/**
 * Looks at what the net namespaces have, by their numbers, as far as the plan says something of them. The caller is in
 * the first, and will be.
 */
export function observeNets(
  context: NamespacesContext,
  { net, nestedNets }: Pick<NamespacesPlan, "net" | "nestedNets">,
): Observation<(ObservedNet | undefined)[]> {
  const observe = (plan: NetPlan | undefined) => plan?.kind === "fill" ? observeNet(context, plan) : undefined;
  const [, ...nested] = nestedNets?.namespaces ?? [];
  const [first, ...others] = [net, ...nested.map((namespace) => namespace.net)].map(observe);
  const enter = (number: number) => enterNet(context, context.netNamespaces[number] ?? -1);
  return {
    calls: [
      ...first?.calls ?? [],
      ...others.flatMap((other, index) => [enter(index + 1), ...other?.calls ?? []]),
      ...others.length === 0 ? [] : [enter(0)],
    ],
    read: () => [first, ...others].map((observation) => observation?.read()),
  };
}

/** Looks at what the net namespace has that the caller is in. */
export function observeNet(
  context: NamespacesContext,
  { devices, addresses, routes, rules, sysctls, ids }: FillNet,
): Observation<ObservedNet> {
  const count = addresses.length;
  const list = (type: number, what: string, size: number) => listRoutes(context, { type, what, size });
  const links = list(RTM_GETLINK, "devices", (devices.length + OTHER_DEVICES) * LINK_SIZE);
  const listed = list(RTM_GETADDR, "addresses", count * ADDRESS_SIZE);
  const routed = list(RTM_GETROUTE, "routes", routes.length * ROUTE_SIZE + count * LOCAL_ROUTES_SIZE);
  const ruled = rules === undefined
    ? undefined
    : list(RTM_GETRULE, "rules for routes", (rules.length + OTHER_RULES) * RULE_SIZE);
  const settings = sysctls.map((sysctl) => observeSysctl(context, sysctl));
  const others = askForIds(context, [...ids.keys()]);
  return {
    calls: [links, listed, routed, ruled, others, ...settings].flatMap((observation) => observation?.calls ?? []),
    read: () => ({
      devices: links.read().map((link) => buildDevice(link, ids)),
      // The kernel makes temporary ones by itself.
      addresses: listed.read().filter((address) => !isTemporary(address)).map(describeAddress).sort(),
      routes: routed.read().filter(isOfMainTable).map(describeRoute).sort(),
      ...ruled === undefined ? {} : { rules: ruled.read().filter(isOfIpv4).map(describeRule) },
      ids: others.read(),
      sysctls: new Map(settings.map(({ read }) => read())),
    }),
  };
}

/** `struct ifinfomsg` has the type, the index and the flags at these places. */
const TYPE = 2;
const INDEX = 4;
const FLAGS = 8;
const ARPHRD_LOOPBACK = 772;

function buildDevice({ header, attributes }: RouteMessage, ids: FillNet["ids"]): NetDevice {
  const isLoopback = (numberAt(header, 0) ?? 0) >>> 8 * TYPE === ARPHRD_LOOPBACK;
  const info = parseAttributes(attributes.get(IFLA_LINKINFO) ?? new Uint8Array(), 0);
  const kind = isLoopback ? "loopback" : kindOf(info);
  const address = isLoopback ? undefined : attributes.get(IFLA_ADDRESS);
  const master = numberAt(attributes.get(IFLA_MASTER));
  return {
    kind,
    name: textOf(attributes.get(IFLA_IFNAME)),
    index: numberAt(header, INDEX) ?? 0,
    mtu: numberAt(attributes.get(IFLA_MTU)) ?? 0,
    flags: numberAt(header, FLAGS) ?? 0,
    ...address === undefined ? {} : { address },
    ...master === undefined ? {} : { master },
    ...CONNECTED_KINDS.includes(kind) ? peerOf(attributes, ids) : {},
    ...kind === "sit" ? { sit: parseAttributes(info.get(IFLA_INFO_DATA) ?? new Uint8Array(), 0) } : {},
  };
}

/** Nothing of what is in a namespace that no task is in. */
function peerOf(attributes: RouteMessage["attributes"], ids: FillNet["ids"]): Pick<NetDevice, "peer" | "peerNet"> {
  const peer = numberAt(attributes.get(IFLA_LINK));
  const id = numberAt(attributes.get(IFLA_LINK_NETNSID));
  const [peerNet] = [...ids].find(([, other]) => other === id) ?? [];
  if (peer === undefined || id !== undefined && peerNet === undefined) return {};
  return { peer, ...peerNet === undefined ? {} : { peerNet } };
}

function kindOf(info: RouteMessage["attributes"]): NetDeviceKind {
  const text = textOf(info.get(IFLA_INFO_KIND));
  return MADE_KINDS.find((kind) => kind === text) ?? "other";
}

function textOf(bytes: Uint8Array | undefined): string {
  return decodeText(bytes ?? new Uint8Array()).replace(/\0$/, "");
}

function isOfIpv4({ header }: RouteMessage): boolean {
  return header[0] === AF_INET;
}

function isOfMainTable({ type, header, attributes }: RouteMessage): boolean {
  return type === RTM_NEWROUTE && FAMILIES.includes(header[0] ?? 0) &&
    numberAt(attributes.get(RTA_TABLE)) === RT_TABLE_MAIN;
}
