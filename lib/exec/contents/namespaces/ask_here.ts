import { SysError } from "../../../errors.ts";
import {
  encodeNetlink,
  errorOf,
  NETLINK_ROUTE,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_REQUEST,
} from "../../../model/netlink_message.ts";
import {
  encodeRouteBody,
  IFLA_IFNAME,
  linkHeader,
  parseRouteMessages,
  type RouteMessage,
  RTM_GETLINK,
  RTM_NEWLINK,
  textValue,
} from "../../../model/route_message.ts";
import type { RouteRequest } from "../../../plan/contents/namespaces/net_plan.ts";
import type { Sys } from "../../../sys/sys.ts";
import { ROUTE_HINTS } from "./route_requests.ts";

/** No answer is longer. */
const MOST = 32768;

/**
 * Asks for a change of cgrestore's own net namespace, as somebody who is not in a user namespace of the tasks.
 *
 * @throws {SysError} when it was refused
 */
export function askHere(sys: Sys, { attempt, type, flags, body }: Omit<RouteRequest, "tolerated">): void {
  const answer = talk(sys, { type, flags: NLM_F_REQUEST | NLM_F_ACK | flags, body });
  const error = errorOf(answer);
  if (error === 0) return;
  const code = sys.errnoName(error);
  throw new SysError("rtnetlink", code, attempt, ROUTE_HINTS.get(code));
}

/**
 * Looks at a device of cgrestore's own net namespace.
 *
 * @throws {SysError} when there is none
 */
export function lookHere(sys: Sys, name: string): RouteMessage {
  const body = encodeRouteBody({ header: linkHeader(0), attributes: new Map([[IFLA_IFNAME, textValue(name)]]) });
  const answer = talk(sys, { type: RTM_GETLINK, flags: NLM_F_REQUEST, body });
  const [message] = parseRouteMessages(answer);
  if (message?.type === RTM_NEWLINK) return message;
  throw new SysError("rtnetlink", sys.errnoName(errorOf(answer)), `Cannot look at the device "${name}"`);
}

/** Sends a message, and returns the answer. */
function talk(sys: Sys, message: NetlinkMessage): Uint8Array {
  const socket = sys.netlinkSocket(NETLINK_ROUTE);
  try {
    sys.write(socket, encodeNetlink(message));
    const buffer = new Uint8Array(new ArrayBuffer(MOST));
    return buffer.subarray(0, sys.read(socket, buffer));
  } finally {
    sys.close(socket);
  }
}
