import type { NetContents, NetDevice, NetNamespace } from "../../../model/namespaces.ts";
import {
  describeAddress,
  describeRoute,
  IFA_ADDRESS,
  IFA_LOCAL,
  nameAddress,
  nameRoute,
  RTA_CACHEINFO,
  RTA_DST,
} from "../../../model/describe_route.ts";
import { maskAddress } from "../../../model/inet_address.ts";
import {
  encodeRouteBody,
  IFLA_MTU,
  numberAt,
  type RouteMessage,
  RT_TABLE_MAIN,
  RTM_NEWADDR,
  RTM_NEWROUTE,
} from "../../../model/route_message.ts";
import type { Sysctl } from "./namespaces_plan.ts";
import type { FillNet, JoinNet, Loopback, NetPlan, RouteRequest } from "./net_plan.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";

/** Where problems of net namespaces are. */
const WHERE = "net namespace";

/** Facts of rtnetlink(7) (linux/rtnetlink.h, linux/netlink.h, linux/if.h). */
const RTM_SETLINK = 19;
const RTM_DELADDR = 21;
const RTM_DELROUTE = 25;
const NLM_F_CREATE = 0x400;
const IFA_FLAGS = 8;
const IFA_F_NOPREFIXROUTE = 0x200;
const IFF_UP = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const RTPROT_KERNEL = 2;
const RTN_UNICAST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTNH_F_ONLINK = 4;

/** Flags that can be set, IFF_UP among them (`__dev_change_flags`). */
const CHANGEABLE = 0xf3a5;
/** IFF_LOOPBACK, and what follows from others: IFF_RUNNING and IFF_LOWER_UP. */
const DERIVED = 0x1_0048;

/** The loopback device is the first of every namespace (LOOPBACK_IFINDEX), with IFF_LOOPBACK alone. */
const LOOPBACK = { name: "lo", index: 1, mtu: 65536, flags: 8 };

/** Attributes that can be given back as they are: IFA_* of linux/if_addr.h, RTA_* of linux/rtnetlink.h. */
const ADDRESS_ATTRIBUTES: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 8, 9, 11]);
const ROUTE_ATTRIBUTES: ReadonlySet<number> = new Set([1, 2, 4, 5, 6, 7, 8, RTA_CACHEINFO, 15, 20]);

/** The rules that every namespace has of IPv4 (`fib_default_rules_init`): for all packets, to a table, by their priority. */
const DEFAULT_RULES: readonly string[] = ["0 to 255", "32766 to 254", "32767 to 253"];
const FRA_PRIORITY = 6;
const FRA_TABLE = 15;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_PROTOCOL = 21;

/** What the kernel gives the loopback device when it is set up. */
const AUTOMATIC: readonly RouteMessage[] = [
  {
    type: RTM_NEWADDR,
    header: Uint8Array.of(AF_INET, 8, 0, 254, 1, 0, 0, 0),
    attributes: new Map([[IFA_LOCAL, Uint8Array.of(127, 0, 0, 1)]]),
  },
  {
    type: RTM_NEWADDR,
    header: Uint8Array.of(AF_INET6, 128, 0, 254, 1, 0, 0, 0),
    attributes: new Map([[IFA_ADDRESS, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)]]),
  },
];

/** Plans what becomes of a net namespace. */
export function planNet(net: NetNamespace, questions: NamespaceQuestions): NetPlan | undefined {
  if (net.kind === "empty") return { kind: "leave" };
  return net.kind === "external" ? planJoin(net.key, questions) : planFill(net, questions);
}

function planJoin(key: string, { inherited, host, problems }: NamespaceQuestions): JoinNet | undefined {
  const refuse = (what: string) => {
    problems.push({ where: WHERE, what });
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

function planFill(net: NetContents, questions: NamespaceQuestions): FillNet {
  const { problems, notes } = questions;
  problems.push(...findObstacles(net).map((what) => ({ where: WHERE, what })));
  if (net.tracksConnections) notes.push("What the kernel knew of connections of the net namespace is not restored");
  const { mtu, flags } = net.devices.find(({ kind }) => kind === "loopback") ?? LOOPBACK;
  const isUp = (flags & IFF_UP) !== 0;
  return {
    kind: "fill",
    loopback: { mtu, flags },
    setUp: setUpLoopback({ mtu, flags }),
    sysctls: planSettings(net, questions),
    requests: [
      ...isUp ? AUTOMATIC.flatMap((address) => removeUnless(net.addresses, address)) : [],
      ...net.addresses.map(addAddress),
      ...net.addresses.flatMap((address) => removeRouteUnless(net.routes, address)),
      ...orderRoutes(net.routes).map(addRoute),
    ],
    addresses: net.addresses.map(describeAddress).sort(),
    routes: net.routes.map(describeRoute).sort(),
  };
}

/** Why a namespace cannot be restored: everything in it that cannot be is named. */
function findObstacles({ devices, addresses, routes, rules, filters, peers }: NetContents): string[] {
  return [
    ...devices.flatMap(deviceObstacle),
    ...addresses.flatMap(addressObstacle),
    ...routes.flatMap(routeObstacle),
    ...ruleObstacles(rules),
    ...filters.map((rule) => `the rule of ${rule} cannot be restored`),
    ...peers.map((id) => `its id ${id} for another net namespace cannot be restored`),
  ];
}

function deviceObstacle({ kind, name, index, flags }: NetDevice): string[] {
  const device = `the ${kind} device ${JSON.stringify(name)}`;
  if (kind !== "loopback") return [`${device} cannot be restored`];
  if (name !== LOOPBACK.name || index !== LOOPBACK.index) {
    return [`${device} cannot be restored: it has number ${index}, and "lo" with number 1 is made`];
  }
  const unknown = flags & ~(CHANGEABLE | DERIVED);
  return unknown === 0 ? [] : [`the flags 0x${unknown.toString(16)} of ${device} cannot be restored`];
}

function addressObstacle(address: RouteMessage): string[] {
  return attributeObstacle(address, { what: `the address ${nameAddress(address)}`, known: ADDRESS_ATTRIBUTES });
}

function attributeObstacle(
  { attributes }: RouteMessage,
  { what, known }: { readonly what: string; readonly known: ReadonlySet<number> },
): string[] {
  const unknown = [...attributes.keys()].filter((type) => !known.has(type));
  return unknown.length === 0 ? [] : [`${what} cannot be restored: it has attributes ${unknown.join(", ")}`];
}

/** Bytes of `struct rta_cacheinfo` before the time that is left. */
const EXPIRES = 8;

function routeObstacle(route: RouteMessage): string[] {
  const what = `the route ${nameRoute(route)}`;
  const device = numberAt(route.attributes.get(RTA_OIF)) ?? LOOPBACK.index;
  if (device !== LOOPBACK.index) return [`${what} cannot be restored: it goes through device ${device}`];
  const left = numberAt(route.attributes.get(RTA_CACHEINFO), EXPIRES) ?? 0;
  if (left !== 0) return [`${what} cannot be restored: it is for a limited time`];
  return attributeObstacle(route, { what, known: ROUTE_ATTRIBUTES });
}

/** Old kernels and old dumps tell nothing of rules. */
function ruleObstacles(rules: readonly RouteMessage[]): string[] {
  if (rules.length === 0) return [];
  const found = rules.map(describeRule);
  const missing = DEFAULT_RULES.filter((rule) => !found.includes(rule));
  return [
    ...found.filter((rule) => !DEFAULT_RULES.includes(rule)).map((rule) =>
      `the rule for routes ${rule} cannot be restored`
    ),
    ...missing.map((rule) => `the rule for routes ${rule} is missing, which every new namespace has`),
  ];
}

/** Place in `struct fib_rule_hdr`. */
const RULE_FLAGS = 8;

/** The action 1 is to look into a table. */
function describeRule({ header, attributes }: RouteMessage): string {
  const [, toSize, fromSize, tos, , , , action] = header;
  const priority = numberAt(attributes.get(FRA_PRIORITY)) ?? 0;
  const others = [...attributes.keys()].filter((type) => !PLAIN_RULE.has(type));
  const isPlain = numberAt(header, RULE_FLAGS) === 0 && toSize === 0 && fromSize === 0 && tos === 0 && action === 1 &&
    others.length === 0 &&
    numberAt(attributes.get(FRA_SUPPRESS_PREFIXLEN)) === 0xffff_ffff;
  const table = numberAt(attributes.get(FRA_TABLE));
  return isPlain ? `${priority} to ${table}` : `${priority} with conditions`;
}

const PLAIN_RULE: ReadonlySet<number> = new Set([FRA_PRIORITY, FRA_TABLE, FRA_SUPPRESS_PREFIXLEN, FRA_PROTOCOL]);

function planSettings({ sysctls }: NetContents, { host, problems }: NamespaceQuestions): Sysctl[] {
  const missing = [...new Set([...sysctls.keys()].map(fileOf))].filter((path) => !host.files.has(path));
  if (missing.length > 0) {
    problems.push({ where: WHERE, what: `this kernel does not have the settings ${missing.map(nameOf).join(", ")}` });
  }
  return [...sysctls].map(([path, value]) => ({ path, value }));
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

/** The size of packets is set before anything else: the kernel derives settings from it. */
function setUpLoopback({ mtu, flags }: Loopback): RouteRequest {
  const header = new DataView(new ArrayBuffer(16));
  header.setInt32(4, LOOPBACK.index, true);
  header.setUint32(8, flags & CHANGEABLE, true);
  header.setUint32(12, CHANGEABLE, true);
  const size = new Uint8Array(Uint32Array.of(mtu).buffer);
  return {
    attempt: "Cannot set up the loopback device",
    type: RTM_SETLINK,
    flags: 0,
    body: encodeRouteBody({ header: new Uint8Array(header.buffer), attributes: new Map([[IFLA_MTU, size]]) }),
    tolerated: [],
  };
}

/** A kernel without IPv6 has no address of it to remove. */
function removeUnless(wanted: readonly RouteMessage[], automatic: RouteMessage): RouteRequest[] {
  const name = nameAddress(automatic);
  if (wanted.some((address) => nameAddress(address) === name)) return [];
  return [{
    attempt: `Cannot remove the address ${name}`,
    type: RTM_DELADDR,
    flags: 0,
    body: encodeRouteBody(automatic),
    tolerated: ["EADDRNOTAVAIL", "ENODEV", "EOPNOTSUPP"],
  }];
}

function addAddress(address: RouteMessage): RouteRequest {
  const name = nameAddress(address);
  const isAutomatic = AUTOMATIC.some((other) => nameAddress(other) === name);
  return {
    attempt: `Cannot add the address ${name}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE,
    body: encodeRouteBody(address),
    tolerated: isAutomatic ? ["EEXIST"] : [],
  };
}

/** The kernel makes a route for each address of IPv6 unless it is told not to, but for that of the loopback device. */
function removeRouteUnless(wanted: readonly RouteMessage[], { header, attributes }: RouteMessage): RouteRequest[] {
  const [family, prefix = 0] = header;
  const hasNone = ((numberAt(attributes.get(IFA_FLAGS)) ?? 0) & IFA_F_NOPREFIXROUTE) !== 0;
  if (family !== AF_INET6 || hasNone) return [];
  const network = maskAddress(attributes.get(IFA_ADDRESS) ?? new Uint8Array(16), prefix);
  const route = {
    type: RTM_NEWROUTE,
    header: Uint8Array.of(AF_INET6, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_KERNEL, 0, RTN_UNICAST, 0, 0, 0, 0),
    attributes: new Map([[RTA_DST, network], [RTA_OIF, Uint8Array.of(LOOPBACK.index, 0, 0, 0)]]),
  };
  const name = nameRoute(route);
  if (wanted.some((other) => nameRoute(other) === name)) return [];
  return [{
    attempt: `Cannot remove the route ${name}`,
    type: RTM_DELROUTE,
    flags: 0,
    body: encodeRouteBody(route),
    tolerated: ["ESRCH"],
  }];
}

/** A gateway can be used when it can be reached. */
function orderRoutes(routes: readonly RouteMessage[]): RouteMessage[] {
  const hasGateway = ({ attributes }: RouteMessage) => attributes.has(RTA_GATEWAY);
  return [...routes.filter((route) => !hasGateway(route)), ...routes.filter(hasGateway)];
}

/** Places in `struct rtmsg`. */
const ROUTE_PROTOCOL = 5;
const ROUTE_FLAGS = 8;

function addRoute(route: RouteMessage): RouteRequest {
  const header = new Uint8Array(route.header);
  const flags = numberAt(header, ROUTE_FLAGS) ?? 0;
  new DataView(header.buffer).setUint32(ROUTE_FLAGS, flags & RTNH_F_ONLINK, true);
  const attributes = new Map([...route.attributes].filter(([type]) => type !== RTA_CACHEINFO));
  return {
    attempt: `Cannot add the route ${nameRoute(route)}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE,
    body: encodeRouteBody({ header, attributes }),
    // Those which the kernel makes for addresses are there already.
    tolerated: header[ROUTE_PROTOCOL] === RTPROT_KERNEL ? ["EEXIST"] : [],
  };
}
