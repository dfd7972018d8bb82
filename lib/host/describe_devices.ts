import { SysError } from "../errors.ts";
import { encodeNetlink, errorOf, NETLINK_ROUTE, NLM_F_DUMP, NLM_F_REQUEST } from "../model/netlink_message.ts";
import {
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  linkHeader,
  NLMSG_DONE,
  NLMSG_ERROR,
  numberAt,
  parseAttributes,
  parseRouteMessages,
  type RouteMessage,
  RTM_GETLINK,
  RTM_NEWLINK,
} from "../model/route_message.ts";
import type { Sys } from "../sys/sys.ts";
import { decodeText } from "../text.ts";
import type { HostNetwork } from "./host.ts";

/** Place of the index in `struct ifinfomsg`. */
const INDEX = 4;
/** The kernel makes no part of a list that is longer (`netlink_dump`, net/netlink/af_netlink.c). */
const MOST_PART = 32768;

const ATTEMPT = "Cannot list the network devices";

/** The devices of our own net namespace, which the kernel tells itself: sysfs shows that of whoever has mounted it. */
export function describeDevices(sys: Sys): Pick<HostNetwork, "devices" | "bridges"> {
  const devices = new Map<number, string>();
  const bridges = new Set<string>();
  for (const { type, header, attributes } of listDevices(sys)) {
    if (type !== RTM_NEWLINK) continue;
    const name = textOf(attributes.get(IFLA_IFNAME));
    devices.set(numberAt(header, INDEX) ?? 0, name);
    const info = parseAttributes(attributes.get(IFLA_LINKINFO) ?? new Uint8Array(), 0);
    if (textOf(info.get(IFLA_INFO_KIND)) === "bridge") bridges.add(name);
  }
  return { devices, bridges };
}

function listDevices(sys: Sys): RouteMessage[] {
  const socket = sys.netlinkSocket(NETLINK_ROUTE);
  try {
    sys.write(socket, encodeNetlink({ type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, body: linkHeader(0) }));
    const messages: RouteMessage[] = [];
    while (messages.at(-1)?.type !== NLMSG_DONE) messages.push(...readPart(sys, socket));
    return messages;
  } finally {
    sys.close(socket);
  }
}

/** The next messages, in memory of their own. */
function readPart(sys: Sys, socket: number): RouteMessage[] {
  const buffer = new Uint8Array(new ArrayBuffer(MOST_PART));
  const bytes = buffer.subarray(0, sys.read(socket, buffer));
  const messages = parseRouteMessages(bytes);
  const [first] = messages;
  if (first === undefined) throw new SysError("rtnetlink", "ENODATA", ATTEMPT);
  if (first.type === NLMSG_ERROR) throw new SysError("rtnetlink", sys.errnoName(errorOf(bytes)), ATTEMPT);
  return messages;
}

function textOf(bytes: Uint8Array | undefined): string {
  return decodeText(bytes ?? new Uint8Array()).replace(/\0$/, "");
}
