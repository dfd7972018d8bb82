import { describeAddress, describeRoute } from "../../../model/describe_route.ts";
import { IFLA_MTU, numberAt, type RouteMessage, RT_TABLE_MAIN, RTM_NEWROUTE } from "../../../model/route_message.ts";
import type { FillNet, Loopback } from "../../../plan/contents/namespaces/net_plan.ts";
import type { ObservedNet } from "../../../verify/contents/verify_namespaces.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import type { Observation } from "./observation.ts";
import { askForRoutes, listRoutes, type RouteContext } from "./route_requests.ts";
import { writeSysctl } from "./write_sysctl.ts";

/** RTM_GET* (linux/rtnetlink.h), and attributes of what they list. */
const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const RTA_TABLE = 15;
/** Families of addresses: routes of others are for multicast. */
const FAMILIES: readonly number[] = [2, 10];

/** Most bytes of what is listed: the kernel makes up to five further routes for each address. */
const LINK_SIZE = 4096;
const ADDRESS_SIZE = 128;
const ROUTE_SIZE = 256;
const LOCAL_ROUTES_SIZE = 5 * ROUTE_SIZE;

/** Gives the net namespace that the caller is in what it had; `read` throws a `SysError` when something was refused. */
export function fillNet(context: RouteContext, net: FillNet): Observation<void> {
  const [setUp, requests] = [[net.setUp], net.requests].map((some) => askForRoutes(context, some));
  return {
    calls: [
      ...setUp?.calls ?? [],
      ...net.sysctls.flatMap((sysctl) => writeSysctl(context, sysctl)),
      ...requests?.calls ?? [],
    ],
    read() {
      setUp?.read();
      requests?.read();
    },
  };
}

/** Looks at what the net namespace has that the caller is in. */
export function observeNet(context: NamespacesContext, { addresses, routes }: FillNet): Observation<ObservedNet> {
  const count = addresses.length;
  const list = (type: number, what: string, size: number) => listRoutes(context, { type, what, size });
  const links = list(RTM_GETLINK, "devices", LINK_SIZE);
  const listed = list(RTM_GETADDR, "addresses", count * ADDRESS_SIZE);
  const routed = list(RTM_GETROUTE, "routes", routes.length * ROUTE_SIZE + count * LOCAL_ROUTES_SIZE);
  return {
    calls: [...links.calls, ...listed.calls, ...routed.calls],
    read: () => ({
      loopback: describeLoopback(links.read()),
      addresses: listed.read().map(describeAddress).sort(),
      routes: routed.read().filter(isOfMainTable).map(describeRoute).sort(),
    }),
  };
}

/** `struct ifinfomsg` has the index and the flags at these places; the loopback device is the only one. */
function describeLoopback([loopback]: readonly RouteMessage[]): Loopback {
  return { mtu: numberAt(loopback?.attributes.get(IFLA_MTU)) ?? 0, flags: numberAt(loopback?.header, 8) ?? 0 };
}

function isOfMainTable({ type, header, attributes }: RouteMessage): boolean {
  return type === RTM_NEWROUTE && FAMILIES.includes(header[0] ?? 0) &&
    numberAt(attributes.get(RTA_TABLE)) === RT_TABLE_MAIN;
}
