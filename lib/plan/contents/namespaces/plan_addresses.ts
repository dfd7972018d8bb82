import {
  addressDevice,
  addressFlags,
  IFA_ADDRESS,
  IFA_FLAGS,
  IFA_LOCAL,
  nameAddress,
  nameRoute,
  plainRouteHeader,
  routeTimeLeft,
  RTA_CACHEINFO,
  RTA_DST,
} from "../../../model/describe_route.ts";
import { maskAddress } from "../../../model/inet_address.ts";
import type { NetContents, NetDevice } from "../../../model/namespaces.ts";
import { IFF_POINTOPOINT, IFF_UP } from "../../../model/net_device.ts";
import {
  encodeRouteBody,
  NLM_F_CREATE,
  numberAt,
  numberValue,
  type RouteMessage,
  RT_TABLE_MAIN,
  RTM_NEWADDR,
  RTM_NEWROUTE,
} from "../../../model/route_message.ts";
import { sitAddress } from "../../../model/sit_tunnel.ts";
import type { RouteRequest } from "./net_plan.ts";
import { LOOPBACK, restoreAddressModes } from "./plan_devices.ts";

/** Facts of rtnetlink(7) (linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h). */
const RTM_DELADDR = 21;
const RTM_DELROUTE = 25;
const NLM_F_REPLACE = 0x100;
const IFA_F_TEMPORARY = 0x1;
const IFA_F_NODAD = 0x2;
const IFA_F_DADFAILED = 0x8;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_NOPREFIXROUTE = 0x200;
const AF_INET = 2;
const AF_INET6 = 10;
const RTPROT_KERNEL = 2;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_EXPIRES = 23;
/** In a second. */
const TICKS = 100;

/** Attributes that can be given back as they are: IFA_* of linux/if_addr.h, RTA_* of linux/rtnetlink.h. */
const ADDRESS_ATTRIBUTES: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 8, 9, 11]);
const ROUTE_ATTRIBUTES: ReadonlySet<number> = new Set([1, 2, 4, 5, 6, 7, 8, RTA_CACHEINFO, 15, 20]);

/** What the kernel gives the loopback device when it is set up. */
const OF_LOOPBACK: readonly RouteMessage[] = [
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

/** Why addresses and routes cannot be restored. */
export function findAddressObstacles({ devices, addresses, routes }: NetContents): string[] {
  const indices = new Set([LOOPBACK, ...devices].map(({ index }) => index));
  return [
    ...addresses.flatMap((address) => addressObstacle(address, indices)),
    ...routes.flatMap((route) => routeObstacle(route, indices)),
  ];
}

function addressObstacle(address: RouteMessage, devices: ReadonlySet<number>): string[] {
  const what = `the address ${nameAddress(address)}`;
  const device = addressDevice(address);
  if (!devices.has(device)) return [`${what} cannot be restored: it is one of device ${device}, which is not there`];
  if (address.header[0] === AF_INET6 && (addressFlags(address) & IFA_F_TEMPORARY) !== 0) {
    return [`${what} cannot be restored: it is temporary, and only the kernel makes such`];
  }
  return attributeObstacle(address, { what, known: ADDRESS_ATTRIBUTES });
}

function attributeObstacle(
  { attributes }: RouteMessage,
  { what, known }: { readonly what: string; readonly known: ReadonlySet<number> },
): string[] {
  const unknown = [...attributes.keys()].filter((type) => !known.has(type));
  return unknown.length === 0 ? [] : [`${what} cannot be restored: it has attributes ${unknown.join(", ")}`];
}

function routeObstacle(route: RouteMessage, devices: ReadonlySet<number>): string[] {
  const what = `the route ${nameRoute(route)}`;
  const device = deviceOf(route);
  if (!devices.has(device)) return [`${what} cannot be restored: it goes through device ${device}, which is not there`];
  return attributeObstacle(route, { what, known: ROUTE_ATTRIBUTES });
}

/** Those to nowhere have none, or the loopback device. */
function deviceOf({ attributes }: RouteMessage): number {
  return numberAt(attributes.get(RTA_OIF)) ?? LOOPBACK.index;
}

/** Gives devices that are set up their addresses and routes. */
export function addAddresses(net: NetContents): RouteRequest[] {
  const { devices, addresses, routes } = net;
  const automatic = devices.flatMap(automaticAddresses);
  const isAutomatic = (address: RouteMessage) => automatic.some((other) => isSame(other, address));
  return [
    ...automatic.flatMap((address) => removeUnless(addresses, address)),
    ...orderAddresses(addresses).flatMap((address) => addAddress(address, isAutomatic(address))),
    ...restoreAddressModes(net),
    ...addresses.flatMap((address) => removeRouteUnless(routes, address)),
    ...orderRoutes(routes).map(addRoute),
  ];
}

/** Of IPv6, the newest comes first (`ipv6_link_dev_addr`), and packets come from that one where others would do. */
function orderAddresses(addresses: readonly RouteMessage[]): RouteMessage[] {
  const isSix = ({ header }: RouteMessage) => header[0] === AF_INET6;
  return [...addresses.filter((address) => !isSix(address)), ...addresses.filter(isSix).reverse()];
}

/**
 * What the kernel gives a device when it is set up, however that is to get its addresses: a tunnel without another end
 * gets one that all of IPv4 is the network of (`add_v4_addrs`).
 */
function automaticAddresses(device: NetDevice): RouteMessage[] {
  const { kind, index, flags, sit } = device;
  if ((flags & IFF_UP) === 0) return [];
  if (kind === "loopback") return [...OF_LOOPBACK];
  const inner = sitAddress(sit);
  if (inner === undefined || (flags & IFF_POINTOPOINT) !== 0) return [];
  const header = Uint8Array.of(AF_INET6, 96, 0, RT_SCOPE_UNIVERSE, ...numberValue(index));
  const address = Uint8Array.from([...new Uint8Array(12), ...inner]);
  return [{ type: RTM_NEWADDR, header, attributes: new Map([[IFA_ADDRESS, address]]) }];
}

function isSame(one: RouteMessage, other: RouteMessage): boolean {
  return addressDevice(one) === addressDevice(other) && nameAddress(one) === nameAddress(other);
}

/** A kernel without IPv6 has no address of it to remove. */
function removeUnless(wanted: readonly RouteMessage[], automatic: RouteMessage): RouteRequest[] {
  const name = nameAddress(automatic);
  if (wanted.some((address) => isSame(address, automatic))) return [];
  return [{
    attempt: `Cannot remove the address ${name}`,
    type: RTM_DELADDR,
    flags: 0,
    body: encodeRouteBody(automatic),
    tolerated: ["EADDRNOTAVAIL", "ENODEV", "EOPNOTSUPP"],
  }];
}

/**
 * An address of IPv6 can be used when nobody else has been found to have it, which takes a second, and a device that is
 * connected. Sockets need it at once, so it is made as one for which nobody is asked, and then becomes what it was.
 */
function addAddress(address: RouteMessage, mayExist: boolean): RouteRequest[] {
  const flags = addressFlags(address);
  const isChecked = (flags & (IFA_F_NODAD | IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0;
  const isAsked = address.header[0] === AF_INET6 && addressDevice(address) !== LOOPBACK.index;
  if (!isAsked || !isChecked) return [requestAddress(address, mayExist)];
  const unasked = new Map([...address.attributes, [IFA_FLAGS, numberValue(flags | IFA_F_NODAD)] as const]);
  const request = requestAddress({ ...address, attributes: unasked }, mayExist);
  return [request, { ...requestAddress(address), flags: NLM_F_REPLACE }];
}

function requestAddress(address: RouteMessage, mayExist = false): RouteRequest {
  return {
    attempt: `Cannot add the address ${nameAddress(address)}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE,
    body: encodeRouteBody(address),
    tolerated: mayExist ? ["EEXIST"] : [],
  };
}

/** The kernel makes a route for the network of each address unless it is told not to. */
function removeRouteUnless(wanted: readonly RouteMessage[], address: RouteMessage): RouteRequest[] {
  const { header, attributes } = address;
  const [family = 0, prefix = 0] = header;
  const device = addressDevice(address);
  const hasNone = (addressFlags(address) & IFA_F_NOPREFIXROUTE) !== 0;
  // Those of IPv4 on the loopback device are in the table of local ones.
  if (hasNone || (family === AF_INET && device === LOOPBACK.index)) return [];
  const network = maskAddress(attributes.get(IFA_ADDRESS) ?? attributes.get(IFA_LOCAL) ?? new Uint8Array(16), prefix);
  const scope = family === AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const route = {
    type: RTM_NEWROUTE,
    header: Uint8Array.of(family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_KERNEL, scope, RTN_UNICAST, 0, 0, 0, 0),
    attributes: new Map([[RTA_DST, network], [RTA_OIF, numberValue(device)]]),
  };
  const name = nameRoute(route);
  if (wanted.some((other) => isOfKernel(other) && deviceOf(other) === device && nameRoute(other) === name)) return [];
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

/** Place in `struct rtmsg`. */
const ROUTE_PROTOCOL = 5;

function isOfKernel({ header }: RouteMessage): boolean {
  return header[ROUTE_PROTOCOL] === RTPROT_KERNEL;
}

/** The time that is left is told in ticks (USER_HZ), and asked for in seconds. */
function addRoute(route: RouteMessage): RouteRequest {
  const left = routeTimeLeft(route);
  const attributes = new Map([
    ...[...route.attributes].filter(([type]) => type !== RTA_CACHEINFO),
    ...left === 0 ? [] : [[RTA_EXPIRES, numberValue(Math.max(1, Math.floor(left / TICKS)))] as const],
  ]);
  return {
    attempt: `Cannot add the route ${nameRoute(route)}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE,
    body: encodeRouteBody({ header: plainRouteHeader(route), attributes }),
    // Those which the kernel makes for addresses are there already.
    tolerated: isOfKernel(route) ? ["EEXIST"] : [],
  };
}
