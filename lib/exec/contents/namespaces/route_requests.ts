import { SysError } from "../../../errors.ts";
import {
  AF_NETLINK,
  ANSWER_SIZE,
  encodeNetlink,
  errorOf,
  MSG_DONTWAIT,
  NETLINK_ROUTE,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  SOCK_RAW,
} from "../../../model/netlink_message.ts";
import {
  encodeRouteBody,
  ID_HEADER_SIZE,
  NETNSA_FD,
  NETNSA_NSID,
  NLMSG_DONE,
  numberAt,
  numberValue,
  parseRouteMessages,
  type RouteMessage,
  RTM_GETNSID,
  RTM_NEWNSID,
} from "../../../model/route_message.ts";
import type { RouteRequest } from "../../../plan/contents/namespaces/net_plan.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import type { Observation } from "./observation.ts";

/** A list comes in parts: at least this much is in each but the last, which may have nothing but the end. */
const LEAST_PART = 2048;
const MOST_PART = 32768;

/** What errors of rtnetlink(7) mean. */
export const ROUTE_HINTS: ReadonlyMap<string, string> = new Map([
  ["EEXIST", "there is one already"],
  ["EPERM", "that needs CAP_NET_ADMIN"],
  ["EAFNOSUPPORT", "this kernel does not have that family of addresses"],
]);

/** What asking for changes has to know. */
export interface RouteContext extends NamespacesContext {
  readonly errnoName: Sys["errnoName"];
}

/**
 * Asks for changes of the net namespace that the caller is in; `read` throws a `SysError` when one was refused. `family`
 * is that of netlink(7) which the requests are for.
 */
export function askForRoutes(
  context: RouteContext,
  requests: readonly RouteRequest[],
  family = NETLINK_ROUTE,
): Observation<void> {
  const asked = requests.map((request) => ({ request, answer: new Uint8Array(ANSWER_SIZE) }));
  const ask = (fd: number) => (
    asked.flatMap(({ request, answer }) => {
      const { attempt, type, flags } = request;
      const body = bodyOf(context, request);
      return [
        send(context, fd, { attempt, type, flags: NLM_F_REQUEST | NLM_F_ACK | flags, body }),
        remoteCall(context, "recvfrom", [fd, { output: answer }, ANSWER_SIZE, MSG_DONTWAIT, 0, 0], { attempt }),
      ];
    })
  );
  return {
    calls: withSocket(context, ask, family),
    read() {
      for (const { request: { attempt, tolerated }, answer } of asked) {
        const error = errorOf(answer);
        const code = error === 0 ? undefined : context.errnoName(error);
        if (code === undefined || tolerated.includes(code)) continue;
        throw new SysError("rtnetlink", code, attempt, ROUTE_HINTS.get(code));
      }
    },
  };
}

function bodyOf({ netNamespaces }: RouteContext, { body, endsWithNetwork }: RouteRequest): Uint8Array {
  if (endsWithNetwork === undefined) return body;
  return Uint8Array.from([...body.subarray(0, -4), ...numberValue(netNamespaces[endsWithNetwork] ?? -1)]);
}

/** What is listed. */
export interface RouteList {
  /** RTM_GET* */
  readonly type: number;
  /** `"addresses"` */
  readonly what: string;
  /** Bytes that its messages may have. */
  readonly size: number;
}

/** Lists what the net namespace has that the caller is in. */
export function listRoutes(context: NamespacesContext, { type, what, size }: RouteList): Observation<RouteMessage[]> {
  const parts = Array.from({ length: 2 + Math.ceil(size / LEAST_PART) }, () => new Uint8Array(MOST_PART));
  const attempt = `Cannot list the ${what} of the net namespace`;
  // All begin with the family, and any will do; none of their structures is longer.
  const message = { type, flags: NLM_F_REQUEST | NLM_F_DUMP, body: new Uint8Array(16) };
  return {
    calls: withSocket(context, (fd) => [
      send(context, fd, { attempt, ...message }),
      ...parts.map((output) => (
        remoteCall(context, "recvfrom", [fd, { output }, MOST_PART, MSG_DONTWAIT, 0, 0], {
          attempt,
          tolerated: ["EAGAIN"],
        })
      )),
    ]),
    read() {
      const messages = parts.flatMap(parseRouteMessages);
      const end = messages.findIndex((message) => message.type === NLMSG_DONE);
      if (end === -1) throw new SysError("recvfrom", "EMSGSIZE", attempt, "there are more than were made");
      return messages.slice(0, end);
    },
  };
}

/** Asks which ids net namespaces of the tasks, by their numbers, have in the one that the caller is in. */
export function askForIds(context: NamespacesContext, numbers: readonly number[]): Observation<Map<number, number>> {
  const attempt = "Cannot look for the id of a net namespace";
  const asked = numbers.map((number) => ({ number, answer: new Uint8Array(ANSWER_SIZE) }));
  const ask = (fd: number) => (
    asked.flatMap(({ number, answer }) => {
      const attributes = new Map([[NETNSA_FD, numberValue(context.netNamespaces[number] ?? -1)]]);
      const body = encodeRouteBody({ header: new Uint8Array(ID_HEADER_SIZE), attributes });
      return [
        send(context, fd, { attempt, type: RTM_GETNSID, flags: NLM_F_REQUEST, body }),
        remoteCall(context, "recvfrom", [fd, { output: answer }, ANSWER_SIZE, MSG_DONTWAIT, 0, 0], { attempt }),
      ];
    })
  );
  return {
    calls: asked.length === 0 ? [] : withSocket(context, ask),
    read: () => new Map(asked.map(({ number, answer }) => [number, idIn(answer)])),
  };
}

/** -1 for a namespace that has none, or cannot be asked for. */
function idIn(answer: Uint8Array): number {
  const id = parseRouteMessages(answer).find(({ type }) => type === RTM_NEWNSID)?.attributes.get(NETNSA_NSID);
  return (numberAt(id) ?? -1) | 0;
}

function withSocket(
  context: NamespacesContext,
  use: (fd: number) => readonly RemoteCall[],
  family = NETLINK_ROUTE,
): RemoteCall[] {
  const fd = context.lowest.peek();
  return [openSocket(context, fd, family), ...use(fd), remoteCall(context, "close", [fd], TALK)];
}

const TALK = { attempt: "Cannot talk to the net namespace" };

function openSocket(context: NamespacesContext, fd: number, family: number): RemoteCall {
  return remoteCall(context, "socket", [AF_NETLINK, SOCK_RAW, family], { ...TALK, expected: fd });
}

function send(
  context: NamespacesContext,
  fd: number,
  { attempt, ...message }: NetlinkMessage & { readonly attempt: string },
): RemoteCall {
  const bytes = encodeNetlink(message);
  return remoteCall(context, "sendto", [fd, bytes, bytes.length, 0, 0, 0], { attempt, expected: bytes.length });
}
