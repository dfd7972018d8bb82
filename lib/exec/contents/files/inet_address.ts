import type { Endpoint } from "../../../model/files/inet_socket.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;

/** `struct sockaddr_in` of ip(7), or `struct sockaddr_in6` of ipv6(7) without flow and scope. */
export function encodeEndpoint({ address, port }: Endpoint): Uint8Array<ArrayBuffer> {
  const isV4 = address.length === 4;
  const bytes = new Uint8Array(isV4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isV4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, isV4 ? 4 : 8);
  return bytes;
}
