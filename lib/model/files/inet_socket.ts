import type { FileBase } from "../open_file.ts";
import type { SocketOptions } from "./socket_options.ts";
import type { TcpConnection } from "./tcp_connection.ts";

/** A socket of ip(7) or ipv6(7). */
export interface InetSocket extends FileBase {
  readonly kind: "inet";
  readonly family: "ipv4" | "ipv6";
  readonly type: "stream" | "datagram" | "raw";
  /** IPPROTO_* */
  readonly protocol: number;
  /** Of TCP; sockets of other protocols are closed, or established when they are connected. */
  readonly state: TcpState;
  readonly local: Endpoint;
  /** Absent for a socket that is not connected. */
  readonly remote: Endpoint | undefined;
  /** Of a listening socket: listen(2). */
  readonly backlog: number;
  /** SHUT_RD, SHUT_WR or SHUT_RDWR of shutdown(2); absent when nothing has been shut down. */
  readonly shutdown: number | undefined;
  /** IPV6_V6ONLY; absent for IPv4. */
  readonly isV6Only: boolean | undefined;
  readonly options: SocketOptions;
  readonly ip: IpOptions;
  readonly tcp: TcpOptions;
  /** What belongs to a TCP socket that is or was connected; absent when the images do not have it. */
  readonly connection: TcpConnection | undefined;
  /** The number of its net namespace; `ELSEWHERE` when none of the tasks is in it. */
  readonly network: number;
}

/** As tcp(7) and RFC 9293 call them. */
export type TcpState =
  | "established"
  | "syn-sent"
  | "fin-wait-1"
  | "fin-wait-2"
  | "closed"
  | "close-wait"
  | "last-ack"
  | "listening"
  | "closing";

export interface Endpoint {
  /** 4 or 16 bytes, in the order of the network. */
  readonly address: Uint8Array;
  /** 0 for none: raw sockets have no ports. Messages of ICMP have an identifier in its place. */
  readonly port: number;
}

/** Options of ip(7) and ipv6(7). What is `undefined` is as in a new socket. */
export interface IpOptions {
  /** IP_FREEBIND, IPV6_FREEBIND */
  readonly bindsFreely: boolean;
  /** IP_PKTINFO, IPV6_RECVPKTINFO */
  readonly tellsPacketInfo: boolean;
  /** IP_TOS and IP_TTL: of IPv4 only. */
  readonly typeOfService: number | undefined;
  readonly timeToLive: number | undefined;
  /** Of raw sockets. */
  readonly raw: RawOptions | undefined;
}

/** Options of raw(7). */
export interface RawOptions {
  /** IP_HDRINCL, IPV6_HDRINCL */
  readonly includesHeader: boolean;
  /** IP_NODEFRAG: of IPv4 only. */
  readonly skipsDefragmentation: boolean;
  /** IPV6_CHECKSUM; where checksums are is not in the images. */
  readonly makesChecksums: boolean;
  /** ICMP_FILTER or ICMPV6_FILTER, for sockets of these protocols. */
  readonly icmpFilter: Uint8Array | undefined;
}

/** Options of tcp(7). */
export interface TcpOptions {
  readonly isCorked: boolean;
  /** TCP_NODELAY */
  readonly hasNoDelay: boolean;
  /** TCP_KEEPCNT; TCP_KEEPIDLE and TCP_KEEPINTVL in seconds. */
  readonly keepAliveCount: number | undefined;
  readonly keepAliveIdle: number | undefined;
  readonly keepAliveInterval: number | undefined;
}
