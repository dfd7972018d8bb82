import type { Endpoint, InetSocket } from "../../../model/files/inet_socket.ts";
import type { SocketOptions } from "../../../model/files/socket_options.ts";
import { isUnspecified, renderEndpoint } from "../../../model/inet_address.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** Makes sockets that share a port: all are bound before any of them listens, and get their own options afterwards. */
export interface InetSocketsStep extends StepBase {
  readonly kind: "make-inet-sockets";
  readonly sockets: readonly InetSocketPlan[];
}

/** How one of them is made. */
export interface InetSocketPlan extends Pick<InetSocket, "family" | "type" | "protocol" | "options" | "ip" | "flags"> {
  readonly handle: Handle;
  /** `"TCP socket 127.0.0.1:80"` */
  readonly what: string;
  /** Absent where it cannot be set. */
  readonly isV6Only: boolean | undefined;
  readonly tcp: InetSocket["tcp"] | undefined;
  /** Absent for a socket that is not bound. */
  readonly binding: InetBinding | undefined;
  /** Of a listening socket. */
  readonly backlog: number | undefined;
  readonly remote: Endpoint | undefined;
  readonly shutdown: number | undefined;
}

/** How a socket is bound. What it shares, and how freely it is bound, is true for that moment only. */
export interface InetBinding extends Pick<SocketOptions, "reusesAddress" | "reusesPort"> {
  readonly local: Endpoint;
  readonly bindsFreely: boolean;
  /** It has an address, and no port yet. */
  readonly leavesPort: boolean;
}

const IPPROTO_TCP = 6;
const SHUT_RDWR = 2;

/** Protocols of sockets that are not raw, with their names (IPPROTO_*); CRIU dumps no others. */
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "ICMP"],
  [IPPROTO_TCP, "TCP"],
  [17, "UDP"],
  [58, "ICMPv6"],
  [136, "UDP-Lite"],
]);

/** The handle of an internet socket. Those with the same port are planned with it. */
export function planInetSocket(planner: FilePlanner, socket: InetSocket, holder: string): Handle | undefined {
  const what = reasonAgainst(planner, socket);
  if (what !== undefined) return planner.refuse(`${holder}, ${nameOf(socket)}`, what);
  const group = [...planner.contents.files.values()].filter((file) => (
    file.kind === "inet" && sharesPort(file, socket) && reasonAgainst(planner, file) === undefined
  )) as InetSocket[];
  const sockets = group.map((member) => planMember(planner, member, group));
  planner.late.push({ kind: "make-inet-sockets", what: nameOf(socket), sockets });
  return planner.get(fileKey(socket.id));
}

/** Why a socket cannot be restored; `undefined` when it can be. */
function reasonAgainst({ connections }: FilePlanner, socket: InetSocket): string | undefined {
  const { type, protocol, ip } = socket;
  if (type !== "raw" && !PROTOCOLS.has(protocol)) return `a socket of protocol ${protocol} cannot be restored`;
  if (ip.raw?.makesChecksums === true) return "the checksums that it makes (IPV6_CHECKSUM) cannot be restored";
  if (!isConnection(socket) || connections === "close") return undefined;
  return connections === "refuse" ? CHOOSE : "an established connection cannot be restored";
}

const CHOOSE = 'it is connected: "--tcp-established" restores the connection, "--tcp-close" restores it closed';

/** Whether a socket is, or was, one side of a connection of TCP. */
function isConnection({ type, protocol, remote }: InetSocket): boolean {
  return type === "stream" && protocol === IPPROTO_TCP && remote !== undefined;
}

/** Whether two sockets have the same port; one without a port shares it with itself only. */
function sharesPort(one: InetSocket, other: InetSocket): boolean {
  if (one.id === other.id) return true;
  const isSameKind = one.type === other.type && one.protocol === other.protocol;
  return isSameKind && one.local.port !== 0 && one.local.port === other.local.port;
}

function planMember(planner: FilePlanner, socket: InetSocket, group: readonly InetSocket[]): InetSocketPlan {
  const { id, type, protocol, family, flags, state, options, ip, remote, shutdown, backlog } = socket;
  const handle = planner.fileHandle(id, { link: "socket:[", isPrefix: true, object: `socket ${id}`, flags });
  const isClosed = isConnection(socket);
  return {
    ...{ handle, what: nameOf(socket), family, type, protocol, flags, options, ip },
    // Raw sockets are bound to their protocol as soon as they exist, and then it is too late.
    isV6Only: type === "raw" ? undefined : socket.isV6Only,
    tcp: type === "stream" ? socket.tcp : undefined,
    binding: isClosed ? undefined : bindingOf(socket, group),
    backlog: state === "listening" ? backlog : undefined,
    remote: isClosed ? undefined : remote,
    shutdown: isClosed ? SHUT_RDWR : shutdown,
  };
}

function bindingOf(socket: InetSocket, group: readonly InetSocket[]): InetBinding | undefined {
  const { type, family, local, options, ip } = socket;
  const hasAddress = !isUnspecified(local.address);
  if (!hasAddress && local.port === 0) return undefined;
  return {
    local,
    // Connections that have ended may occupy the port of a TCP socket for a while.
    reusesAddress: type === "stream" || group.length > 1 || options.reusesAddress,
    reusesPort: options.reusesPort || needsCommonPort(socket, group),
    // A new address of IPv6 cannot be used until it is known to be the only one.
    bindsFreely: ip.bindsFreely || family === "ipv6" && type !== "raw" && hasAddress,
    leavesPort: type !== "raw" && local.port === 0,
  };
}

/** Sockets that listen at the same port have all had SO_REUSEPORT when they were bound, and may have lost it. */
function needsCommonPort({ state }: InetSocket, group: readonly InetSocket[]): boolean {
  const listening = group.filter((member) => member.state === "listening");
  return state === "listening" && listening.length > 1 && listening.some(({ options }) => options.reusesPort);
}

/** `"TCP socket 127.0.0.1:80"`, `"raw socket of protocol 1"`. */
function nameOf({ type, protocol, local }: InetSocket): string {
  if (type === "raw") return `raw socket of protocol ${protocol}`;
  return `${PROTOCOLS.get(protocol) ?? "internet"} socket ${renderEndpoint(local)}`;
}
