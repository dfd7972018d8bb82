import type { Endpoint } from "../../../model/files/inet_socket.ts";
import { unmap } from "../../../model/inet_address.ts";
import type { TcpSegment } from "../../../plan/contents/files/plan_connection.ts";

const IPPROTO_TCP = 6;
const HOP_LIMIT = 64;
const TCP_HEADER_SIZE = 20;
const FIN = 0x01;
const ACK = 0x10;

/** Between whom a segment goes. */
export interface SegmentRoute {
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** A packet with a segment of TCP (RFC 9293), of IPv4 (RFC 791) when that is what both addresses mean, else of IPv6. */
export function encodeSegment(segment: TcpSegment, { from, to }: SegmentRoute): Uint8Array<ArrayBuffer> {
  const [source, destination] = [unmap(from.address), unmap(to.address)];
  const tcp = encodeTcp(segment, { from, to });
  const pseudoHeader = new Uint8Array([...source, ...destination, 0, IPPROTO_TCP, 0, TCP_HEADER_SIZE]);
  new DataView(tcp.buffer).setUint16(16, checksum([...pseudoHeader, ...tcp]));
  return source.length === 4
    ? new Uint8Array([...encodeIpv4Header(), ...source, ...destination, ...tcp])
    : new Uint8Array([...encodeIpv6Header(), ...source, ...destination, ...tcp]);
}

/** Without its checksum. */
function encodeTcp(
  { sequence, acknowledgement, isLast, window }: TcpSegment,
  { from, to }: SegmentRoute,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(TCP_HEADER_SIZE));
  view.setUint16(0, from.port);
  view.setUint16(2, to.port);
  view.setUint32(4, sequence);
  view.setUint32(8, acknowledgement);
  view.setUint8(12, TCP_HEADER_SIZE / 4 << 4);
  view.setUint8(13, ACK | (isLast ? FIN : 0));
  view.setUint16(14, window);
  return new Uint8Array(view.buffer);
}

/** Up to the addresses; the kernel fills in identification and checksum (raw(7)). */
function encodeIpv4Header(): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint8(0, 0x45);
  view.setUint16(2, 20 + TCP_HEADER_SIZE);
  view.setUint8(8, HOP_LIMIT);
  view.setUint8(9, IPPROTO_TCP);
  return new Uint8Array(view.buffer);
}

/** Up to the addresses. */
function encodeIpv6Header(): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint8(0, 0x60);
  view.setUint16(4, TCP_HEADER_SIZE);
  view.setUint8(6, IPPROTO_TCP);
  view.setUint8(7, HOP_LIMIT);
  return new Uint8Array(view.buffer);
}

/** The checksum of the internet (RFC 1071) over an even number of bytes. */
function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
