import type { InetSkEntry, IpOptsEntry, TcpOptsEntry } from "../../gen/sockets.ts";
import type { TcpStreamEntry } from "../../gen/tcp_stream.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { netNumber } from "../net_numbers.ts";
import { canListen, isConnection, TCP_STATES } from "../inet_protocol.ts";
import { buildSocketOptions } from "./build_socket_options.ts";
import { buildTcpConnection } from "./build_tcp_connection.ts";
import type { Endpoint, InetSocket, IpOptions, TcpOptions } from "./inet_socket.ts";

const FAMILIES: ReadonlyMap<number, InetSocket["family"]> = new Map([[2, "ipv4"], [10, "ipv6"]]);
const TYPES: ReadonlyMap<number, InetSocket["type"]> = new Map([[1, "stream"], [2, "datagram"], [3, "raw"]]);

const ADDRESS_SIZES = { ipv4: 4, ipv6: 16 } as const;

/** Values of `sk_shutdown` (images/sk-opts.proto). */
const NONE = 0;
const BOTH = 3;

type Context = FilesContext & { readonly where: string };

export function buildInetSocket(id: number, entry: InetSkEntry, context: Context): InetSocket {
  const complain = (what: string) => context.problems.push({ where: context.where, what });
  const family = FAMILIES.get(entry.family);
  const type = TYPES.get(entry.type);
  const state = TCP_STATES.get(entry.state);
  if (family === undefined) complain(`the address family ${entry.family} is none of IPv4 and IPv6`);
  if (type === undefined) complain(`the socket type ${entry.type} is unknown`);
  if (state === undefined) complain(`the state ${entry.state} is unknown, or none that is dumped`);
  const stream = context.images.streams.get(entry.ino)?.entry;
  const kind = { family: family ?? "ipv4", type: type ?? "stream", state: state ?? "closed" } as const;
  const socket = {
    ...buildKnown(id, entry, kind),
    tcp: buildTcpOptions(entry.tcpOpts, stream),
    network: netNumber(entry.nsId, context.networks),
  };
  if (state === "listening" && !canListen(socket)) complain(`a socket of protocol ${entry.proto} cannot listen`);
  const size = ADDRESS_SIZES[socket.family];
  for (const endpoint of [socket.local, socket.remote]) {
    if (endpoint === undefined || endpoint.address.length === size) continue;
    complain(`an address has ${endpoint.address.length} bytes, ${size} are needed`);
  }
  if ((entry.shutdown ?? NONE) > BOTH) complain(`the shutdown ${entry.shutdown} is unknown`);
  return isConnection(socket) ? { ...socket, connection: buildTcpConnection(entry.ino, context) } : socket;
}

function buildKnown(
  id: number,
  entry: InetSkEntry,
  kind: Pick<InetSocket, "family" | "type" | "state">,
): Omit<InetSocket, "tcp" | "network"> {
  const endpoint = (words: readonly number[], port: number): Endpoint => {
    // The first dumps had room for IPv6 everywhere (criu/sk-inet.c).
    const address = new Uint8Array(new Uint32Array(kind.family === "ipv4" ? words.slice(0, 1) : words).buffer);
    // What the kernel tells as the port of a raw socket is its protocol.
    return { address, port: kind.type === "raw" ? 0 : port };
  };
  const options = buildSocketOptions(entry.opts);
  const remote = endpoint(entry.dstAddr, entry.dstPort);
  const shutdown = entry.shutdown ?? NONE;
  return {
    kind: "inet",
    id,
    ...kind,
    flags: entry.flags,
    ...buildOwner(entry.fown),
    protocol: entry.proto,
    local: endpoint(entry.srcAddr, entry.srcPort),
    remote: entry.dstPort === 0 && remote.address.every((byte) => byte === 0) ? undefined : remote,
    backlog: entry.backlog,
    shutdown: shutdown === NONE ? undefined : shutdown - 1,
    isV6Only: kind.family === "ipv4" ? undefined : entry.v6only === true,
    // Of an address that is of one link only, the device is told once more.
    options: { ...options, device: options.device ?? entry.ifname },
    ip: buildIpOptions(entry.ipOpts),
    connection: undefined,
  };
}

/** Absent in old dumps. */
function buildIpOptions(entry: IpOptsEntry | undefined): IpOptions {
  const raw = entry?.raw;
  return {
    bindsFreely: entry?.freebind === true,
    tellsPacketInfo: entry?.pktinfo === true,
    typeOfService: entry?.tos,
    timeToLive: entry?.ttl,
    raw: raw === undefined ? undefined : {
      includesHeader: raw.hdrincl === true,
      skipsDefragmentation: raw.nodefrag === true,
      makesChecksums: raw.checksum === true,
      icmpFilter: raw.icmpvFilter.length === 0 ? undefined : new Uint8Array(new Uint32Array(raw.icmpvFilter).buffer),
    },
  };
}

/** Old dumps have two of them in the stream, and the others among the options of all sockets. */
function buildTcpOptions(entry: TcpOptsEntry | undefined, stream: TcpStreamEntry | undefined): TcpOptions {
  return {
    isCorked: (entry?.cork ?? stream?.cork) === true,
    hasNoDelay: (entry?.nodelay ?? stream?.nodelay) === true,
    keepAliveCount: entry?.keepcnt,
    keepAliveIdle: entry?.keepidle,
    keepAliveInterval: entry?.keepintvl,
  };
}
