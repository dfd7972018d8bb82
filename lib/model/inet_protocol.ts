import type { InetSocket, TcpState } from "./files/inet_socket.ts";
import { renderEndpoint } from "./inet_address.ts";

/** IPPROTO_TCP */
const TCP = 6;

/** The protocols of sockets that are not raw, by their numbers (IPPROTO_*): CRIU dumps no others. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, "ICMP"],
  [TCP, "TCP"],
  [17, "UDP"],
  [58, "ICMPv6"],
  [136, "UDP-Lite"],
]);

/** States of TCP by their numbers (`TCP_*` of net/tcp_states.h), those that are dumped. */
export const TCP_STATES: ReadonlyMap<number, TcpState> = new Map([
  [1, "established"],
  [2, "syn-sent"],
  [4, "fin-wait-1"],
  [5, "fin-wait-2"],
  [7, "closed"],
  [8, "close-wait"],
  [9, "last-ack"],
  [10, "listening"],
  [11, "closing"],
]);

type SocketName = Pick<InetSocket, "type" | "protocol" | "local" | "remote">;

/** Whether sockets of a protocol are known here; raw sockets may have any. */
export function isKnownProtocol({ type, protocol }: SocketName): boolean {
  return type === "raw" || NAMES.has(protocol);
}

/** Whether a socket is, or was, one side of a TCP connection. */
export function isConnection({ type, protocol, remote }: SocketName): boolean {
  return type === "stream" && protocol === TCP && remote !== undefined;
}

/** Whether a socket can listen. */
export function canListen({ type, protocol }: SocketName): boolean {
  return type === "stream" && protocol === TCP;
}

/** `"TCP socket 127.0.0.1:80"`, `"raw socket of protocol 1"`. */
export function nameInetSocket({ type, protocol, local, remote }: SocketName): string {
  if (type === "raw") return `raw socket of protocol ${protocol}`;
  const other = remote === undefined ? "" : ` to ${renderEndpoint(remote)}`;
  return `${NAMES.get(protocol) ?? "internet"} socket ${renderEndpoint(local)}${other}`;
}
