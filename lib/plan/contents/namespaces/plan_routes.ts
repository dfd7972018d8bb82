import {
  addressDevice,
  addressFlags,
  IFA_ADDRESS,
  IFA_LOCAL,
  nameRoute,
  nextHopsOf,
  plainRoute,
  routeTimeLeft,
  RTA_CACHEINFO,
  RTA_DST,
  RTA_MULTIPATH,
} from "../../../model/describe_route.ts";
import { maskAddress } from "../../../model/inet_address.ts";
import type { NetContents } from "../../../model/namespaces.ts";
import {
  encodeRouteBody,
  NLM_F_CREATE,
  numberAt,
  numberValue,
  type RouteMessage,
  RT_TABLE_MAIN,
  RTM_NEWROUTE,
} from "../../../model/route_message.ts";
import { attributeObstacle } from "./attribute_obstacle.ts";
import type { RouteRequest } from "./net_plan.ts";
import { LOOPBACK } from "./plan_devices.ts";

/** Facts of rtnetlink(7) (linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h). */
const RTM_DELROUTE = 25;
const IFA_F_NOPREFIXROUTE = 0x200;
const AF_INET = 2;
const RTPROT_KERNEL = 2;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const NLM_F_APPEND = 0x800;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_VIA = 18;
const RTA_EXPIRES = 23;
/** In a second. */
const TICKS = 100;

/** Attributes that can be given back as they are, of routes and of each of several ways. */
const ROUTE_ATTRIBUTES: ReadonlySet<number> = new Set([
  ...[RTA_DST, RTA_SRC, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, 7, 8, RTA_MULTIPATH],
  ...[11, RTA_CACHEINFO, 15, RTA_VIA, 20, 21, 22],
]);
const WAY_ATTRIBUTES: ReadonlySet<number> = new Set([RTA_GATEWAY, 11, RTA_VIA, 21, 22]);
/** Those that packets go to another host by. */
const WITH_GATEWAY: readonly number[] = [RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA];

/** Why routes cannot be restored; `indices` are those of the devices that there are. */
export function findRouteObstacles({ routes }: NetContents, indices: ReadonlySet<number>): string[] {
  return routes.flatMap((route) => routeObstacle(route, indices));
}

function routeObstacle(route: RouteMessage, devices: ReadonlySet<number>): string[] {
  const what = `the route ${nameRoute(route)}`;
  const hops = nextHopsOf(route);
  const missing = [deviceOf(route), ...hops.map(({ device }) => device)].filter((device) => !devices.has(device));
  return [
    ...missing.map((device) => `${what} cannot be restored: it goes through device ${device}, which is not there`),
    ...attributeObstacle(route, { what, known: ROUTE_ATTRIBUTES }),
    ...hops.flatMap((hop) => attributeObstacle(hop, { what, known: WAY_ATTRIBUTES })),
  ];
}

/** Those to nowhere have none, or the loopback device. */
function deviceOf({ attributes }: RouteMessage): number {
  return numberAt(attributes.get(RTA_OIF)) ?? LOOPBACK.index;
}

/** Gives devices that have their addresses their routes. */
export function addRoutes({ addresses, routes }: NetContents): RouteRequest[] {
  return [
    ...addresses.flatMap((address) => removeRouteUnless(routes, address)),
    ...orderRoutes(routes).map(addRoute),
    ...restoreOrder(routes),
  ];
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
  const hasGateway = ({ attributes }: RouteMessage) => WITH_GATEWAY.some((type) => attributes.has(type));
  return [...routes.filter((route) => !hasGateway(route)), ...routes.filter(hasGateway)];
}

/** Of routes to the same network, the kernel takes the first one, if its device is connected: so these are added again. */
function restoreOrder(routes: readonly RouteMessage[]): RouteRequest[] {
  const same = [...Map.groupBy(routes.filter((route) => !isLinkLocal(route)), networkKey).values()];
  return same.filter(({ length }) => length > 1).flat().flatMap((route) => {
    const request = addRoute(route);
    const attempt = `Cannot remove the route ${nameRoute(route)}`;
    return [
      { ...request, attempt, type: RTM_DELROUTE, flags: 0, tolerated: [] },
      { ...request, flags: NLM_F_CREATE | NLM_F_APPEND, tolerated: [] },
    ];
  });
}

/** Who uses addresses that are the same everywhere names the device. */
function isLinkLocal({ attributes }: RouteMessage): boolean {
  return attributes.get(RTA_DST)?.toHex().startsWith("fe80") === true;
}

/** Family, length of the prefix and type of service, and what else tells networks of routes apart. */
function networkKey({ header, attributes }: RouteMessage): string {
  const values = [RTA_DST, RTA_SRC, RTA_PRIORITY].map((type) => attributes.get(type)?.toHex() ?? "");
  return [header[0], header[1], header[3], ...values].join(" ");
}

/** Place in `struct rtmsg`. */
const ROUTE_PROTOCOL = 5;

function isOfKernel({ header }: RouteMessage): boolean {
  return header[ROUTE_PROTOCOL] === RTPROT_KERNEL;
}

/** The time that is left is told in ticks (USER_HZ), and asked for in seconds. */
function addRoute(route: RouteMessage): RouteRequest {
  const left = routeTimeLeft(route);
  const plain = plainRoute(route);
  const attributes = new Map([
    ...[...plain.attributes].filter(([type]) => type !== RTA_CACHEINFO),
    ...left === 0 ? [] : [[RTA_EXPIRES, numberValue(Math.max(1, Math.floor(left / TICKS)))] as const],
  ]);
  return {
    attempt: `Cannot add the route ${nameRoute(route)}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE,
    body: encodeRouteBody({ header: plain.header, attributes }),
    // Those which the kernel makes for addresses are there already.
    tolerated: isOfKernel(route) ? ["EEXIST"] : [],
  };
}
