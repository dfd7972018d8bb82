import type { InetSocket, IpOptions, TcpOptions } from "../../../model/files/inet_socket.ts";
import type { SocketOptions } from "../../../model/files/socket_options.ts";
import type { OptionValue } from "./socket_options.ts";

type Family = InetSocket["family"];
type Option = Omit<OptionValue, "value">;

const SO_REUSEADDR: Option = { level: 1, option: 2, name: "SO_REUSEADDR" };
const SO_REUSEPORT: Option = { level: 1, option: 15, name: "SO_REUSEPORT" };

const IP_TOS: Option = { level: 0, option: 1, name: "IP_TOS" };
const IP_TTL: Option = { level: 0, option: 2, name: "IP_TTL" };
const IP_HDRINCL: Option = { level: 0, option: 3, name: "IP_HDRINCL" };
const IP_PKTINFO: Option = { level: 0, option: 8, name: "IP_PKTINFO" };
const IP_FREEBIND: Option = { level: 0, option: 15, name: "IP_FREEBIND" };
const IP_NODEFRAG: Option = { level: 0, option: 22, name: "IP_NODEFRAG" };
const IP_BIND_ADDRESS_NO_PORT: Option = { level: 0, option: 24, name: "IP_BIND_ADDRESS_NO_PORT" };
const IPV6_V6ONLY: Option = { level: 41, option: 26, name: "IPV6_V6ONLY" };
const IPV6_HDRINCL: Option = { level: 41, option: 36, name: "IPV6_HDRINCL" };
const IPV6_RECVPKTINFO: Option = { level: 41, option: 49, name: "IPV6_RECVPKTINFO" };
const IPV6_FREEBIND: Option = { level: 41, option: 78, name: "IPV6_FREEBIND" };
const ICMPV6_FILTER: Option = { level: 58, option: 1, name: "ICMPV6_FILTER" };
const ICMP_FILTER: Option = { level: 255, option: 1, name: "ICMP_FILTER" };

const TCP_NODELAY: Option = { level: 6, option: 1, name: "TCP_NODELAY" };
const TCP_CORK: Option = { level: 6, option: 3, name: "TCP_CORK" };
const TCP_KEEPIDLE: Option = { level: 6, option: 4, name: "TCP_KEEPIDLE" };
const TCP_KEEPINTVL: Option = { level: 6, option: 5, name: "TCP_KEEPINTVL" };
const TCP_KEEPCNT: Option = { level: 6, option: 6, name: "TCP_KEEPCNT" };

/** Options of ip(7) or ipv6(7), and whether IPv4 is left to others where that can be chosen. */
export function ipValues(family: Family, ip: IpOptions, isV6Only: boolean | undefined): OptionValue[] {
  const isV4 = family === "ipv4";
  return [
    ...valueOf(IPV6_V6ONLY, isV6Only),
    ...ip.bindsFreely ? freebindValue(family, true) : [],
    ...switchOf(isV4 ? IP_PKTINFO : IPV6_RECVPKTINFO, ip.tellsPacketInfo),
    ...valueOf(IP_TOS, ip.typeOfService),
    ...valueOf(IP_TTL, ip.timeToLive),
    ...ip.raw === undefined ? [] : rawValues(isV4, ip.raw),
  ];
}

/** Whether packets include their headers depends on the protocol in a new socket, so that is always set. */
function rawValues(isV4: boolean, raw: NonNullable<IpOptions["raw"]>): OptionValue[] {
  return [
    ...valueOf(isV4 ? IP_HDRINCL : IPV6_HDRINCL, raw.includesHeader),
    ...switchOf(IP_NODEFRAG, raw.skipsDefragmentation),
    ...valueOf(isV4 ? ICMP_FILTER : ICMPV6_FILTER, raw.icmpFilter),
  ];
}

/** Options of tcp(7). */
export function tcpValues(tcp: TcpOptions): OptionValue[] {
  return [
    ...switchOf(TCP_NODELAY, tcp.hasNoDelay),
    ...switchOf(TCP_CORK, tcp.isCorked),
    ...valueOf(TCP_KEEPCNT, tcp.keepAliveCount),
    ...valueOf(TCP_KEEPIDLE, tcp.keepAliveIdle),
    ...valueOf(TCP_KEEPINTVL, tcp.keepAliveInterval),
  ];
}

/** Whether an address, and whether a port, is shared with other sockets. */
export function reuseValues(options: Pick<SocketOptions, "reusesAddress" | "reusesPort">): OptionValue[] {
  return [...valueOf(SO_REUSEADDR, options.reusesAddress), ...valueOf(SO_REUSEPORT, options.reusesPort)];
}

/** Whether the socket can be bound to an address that no device has. */
export function freebindValue(family: Family, on: boolean): OptionValue[] {
  return valueOf(family === "ipv4" ? IP_FREEBIND : IPV6_FREEBIND, on);
}

/** Makes bind(2) leave the port to be chosen later. */
export function portlessValue(): OptionValue[] {
  return valueOf(IP_BIND_ADDRESS_NO_PORT, true);
}

/** A new socket has none of these on. */
function switchOf(option: Option, isOn: boolean): OptionValue[] {
  return isOn ? valueOf(option, true) : [];
}

/** Nothing for what is not known. */
function valueOf(option: Option, value: number | boolean | Uint8Array | undefined): OptionValue[] {
  return value === undefined ? [] : [{ ...option, value: typeof value === "boolean" ? Number(value) : value }];
}
