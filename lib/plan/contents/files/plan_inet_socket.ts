import type { HostNetwork, NetworkPart, OwnState } from "../../../host/host.ts";
import type { Endpoint, InetSocket } from "../../../model/files/inet_socket.ts";
import type { SocketOptions } from "../../../model/files/socket_options.ts";
import { isUnspecified, overlap } from "../../../model/inet_address.ts";
import { isConnection, isKnownProtocol, nameInetSocket } from "../../../model/inet_protocol.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import type { Handle } from "../contents_plan.ts";
import { describeHolder } from "../holder.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import { inNetwork, type StepBase } from "../file_step.ts";
import { type ConnectedSocket, planConnection } from "./plan_connection.ts";
import { expectInetSocket, IPPROTO_UDPLITE } from "./expect_inet_socket.ts";
import { inetAddressProblem, LACKS_ADDRESS, lacksAddress } from "./inet_address_problem.ts";

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

const SHUT_RDWR = 2;
/** IPPROTO_ICMP and IPPROTO_ICMPV6 */
const ICMP: readonly number[] = [1, 58];

/** The handle of an internet socket. Those with the same port are planned with it. */
export function planInetSocket(planner: FilePlanner, socket: InetSocket, holder: string): Handle | undefined {
  const what = reasonAgainst(planner, socket);
  if (what !== undefined) return planner.refuse(`${holder}, ${nameInetSocket(socket)}`, what);
  const group = planner.companions.of(socket).filter((file) => reasonAgainst(planner, file) === undefined);
  const plain = group.filter((member) => !isRestored(planner, member));
  const sockets = plain.map((member) => planMember(planner, member, plain));
  const step = { what: nameInetSocket(socket), ...inNetwork(socket.network) };
  if (sockets.length > 0) planner.late.push({ kind: "make-inet-sockets", ...step, sockets });
  // Those can be bound to a port that has others, but not the others to theirs.
  for (const member of group) if (isRestored(planner, member)) planConnection(planner, member);
  return planner.get(fileKey(socket.id));
}

/** Whether a socket gets its connection back. */
function isRestored({ options: { connections } }: FilePlanner, socket: InetSocket): socket is ConnectedSocket {
  return isConnection(socket) && socket.connection !== undefined && connections === "restore";
}

/** Why a socket cannot be restored; `undefined` when it can be. */
function reasonAgainst(planner: FilePlanner, socket: InetSocket): string | undefined {
  const { options: { connections } } = planner;
  if (socket.network === ELSEWHERE) return IN_OTHER_NETWORK;
  if (!isKnownProtocol(socket)) return `a socket of protocol ${socket.protocol} cannot be restored`;
  if (socket.ip.raw?.makesChecksums === true) return "the checksums that it makes (IPV6_CHECKSUM) cannot be restored";
  if (isConnection(socket) && connections === "close") return undefined;
  if (isConnection(socket) && connections === "refuse") return CHOOSE;
  if (isConnection(socket) && socket.connection === undefined) return NOT_DUMPED;
  const { network } = planner.networkSeenIn(socket.network);
  if (network === undefined) return undefined;
  const part = partsOf(socket).find((name) => network.lacks.has(name));
  if (part !== undefined) return `this kernel does not have ${part}`;
  return pingProblem(socket, { own: planner.host.own, network }) ?? inetAddressProblem(socket, network);
}

/** What a socket needs of the kernel. */
function partsOf({ family, protocol }: InetSocket): NetworkPart[] {
  return [...family === "ipv6" ? ["IPv6"] as const : [], ...protocol === IPPROTO_UDPLITE ? ["UDP-Lite"] as const : []];
}

/** Even who has all privileges must be in a group that may have sockets of ICMP messages. */
function pingProblem(
  { type, protocol }: InetSocket,
  { own, network: { pingGroups } }: { readonly own: OwnState; readonly network: HostNetwork },
): string | undefined {
  if (type !== "datagram" || !ICMP.includes(protocol)) return undefined;
  const [first, last] = pingGroups;
  const isAllowed = [own.gids[1], ...own.groups].some((group) => group >= first && group <= last);
  return isAllowed ? undefined : "no group of cgrestore is in the sysctl net.ipv4.ping_group_range";
}

/** What all kinds of socket are refused with. */
export const IN_OTHER_NETWORK = "it is in a net namespace that none of the tasks is in";

const CHOOSE = 'it is connected: "--tcp-established" restores the connection, "--tcp-close" restores it closed';

const NOT_DUMPED = 'its connection was not dumped: "--tcp-close" restores it closed';

function planMember(planner: FilePlanner, socket: InetSocket, group: readonly InetSocket[]): InetSocketPlan {
  const { id, type, protocol, family, flags, state, options, ip, remote, shutdown, backlog } = socket;
  noteBacklog(planner, socket);
  const isClosed = isConnection(socket);
  const isAbsent = !isClosed && isAddressAbsent(planner, socket);
  const handle = planner.fileHandle(id, expectInetSocket(isClosed ? { ...socket, state: "closed" } : socket));
  return {
    ...{ handle, what: nameInetSocket(socket), family, type, protocol, flags, options, ip },
    // Raw sockets are bound to their protocol as soon as they exist, and then it is too late.
    isV6Only: type === "raw" ? undefined : socket.isV6Only,
    tcp: type === "stream" ? socket.tcp : undefined,
    binding: isClosed ? undefined : bindingOf(socket, { group, isAbsent }),
    backlog: state === "listening" ? backlog : undefined,
    remote: isClosed ? undefined : remote,
    shutdown: isClosed ? SHUT_RDWR : shutdown,
  };
}

/** Whether a socket may have to do without its address. The tasks' own network is as it was at the dump, when it may have. */
function isAddressAbsent(planner: FilePlanner, socket: InetSocket): boolean {
  const { network } = planner.networkSeenIn(socket.network);
  if (network === undefined) return true;
  if (!lacksAddress(socket, network)) return false;
  const where = `${describeHolder(planner.contents, socket.id)}, ${nameInetSocket(socket)}`;
  planner.losses.push({ where, what: `${LACKS_ADDRESS}: it would hear nothing until one does` });
  return true;
}

function bindingOf(
  socket: InetSocket,
  { group, isAbsent }: { readonly group: readonly InetSocket[]; readonly isAbsent: boolean },
): InetBinding | undefined {
  const { type, family, local, options, ip } = socket;
  const hasAddress = !isUnspecified(local.address);
  if (!hasAddress && local.port === 0) return undefined;
  return {
    local,
    // Connections that have ended may occupy the port of a TCP socket for a while.
    reusesAddress: type === "stream" || group.length > 1 || options.reusesAddress,
    reusesPort: options.reusesPort || sharesListening(socket, group),
    // A new address of IPv6 cannot be used until it is known to be the only one.
    bindsFreely: ip.bindsFreely || (family === "ipv6" || isAbsent) && type !== "raw" && hasAddress,
    leavesPort: type !== "raw" && local.port === 0,
  };
}

/** Sockets that listen side by side have all had SO_REUSEPORT when they began; they may have lost it since. */
function sharesListening(socket: InetSocket, group: readonly InetSocket[]): boolean {
  const addressOf = ({ local, isV6Only }: InetSocket) => ({ address: local.address, isV6Only });
  return socket.state === "listening" && group.some((other) => (
    other !== socket && other.state === "listening" && overlap(addressOf(socket), addressOf(other))
  ));
}

/** The kernel cuts it without a word. */
function noteBacklog(planner: FilePlanner, socket: InetSocket): void {
  const largest = planner.networkSeenIn(socket.network).network?.largestBacklog ?? socket.backlog;
  if (socket.state !== "listening" || socket.backlog <= largest) return;
  planner.notes.push(
    `${nameInetSocket(socket)} keeps ${largest} connections waiting at most, not ${socket.backlog}: see the ` +
      "sysctl net.core.somaxconn",
  );
}
