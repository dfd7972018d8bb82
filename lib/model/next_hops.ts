import { aligned, encodeAttributes, parseAttributes, type RouteMessage } from "./route_message.ts";

/** One of several ways of a route (`struct rtnexthop` of linux/rtnetlink.h). */
export interface NextHop {
  /** RTNH_F_* */
  readonly flags: number;
  /** How many more packets take it than one of weight 0. */
  readonly weight: number;
  /** Index of the device. */
  readonly device: number;
  /** RTA_* */
  readonly attributes: RouteMessage["attributes"];
}

/** `struct rtnexthop`: length, flags, weight and device. */
const HEADER_SIZE = 8;

/**
 * Reads the value of RTA_MULTIPATH.
 *
 * @throws {RangeError} when it is none
 */
export function parseNextHops(bytes: Uint8Array): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    const length = view.byteLength < HEADER_SIZE ? 0 : view.getUint16(0, true);
    if (length < HEADER_SIZE || length > view.byteLength) {
      throw new RangeError(`Cannot read the ways of a route: the one at offset ${at} has no end`);
    }
    hops.push({
      flags: view.getUint8(2),
      weight: view.getUint8(3),
      device: view.getUint32(4, true),
      attributes: parseAttributes(bytes.subarray(at + HEADER_SIZE, at + length), at),
    });
    at += aligned(length);
  }
  return hops;
}

/** What `parseNextHops` reads. */
export function encodeNextHops(hops: readonly NextHop[]): Uint8Array {
  return Uint8Array.from(hops.flatMap(({ flags, weight, device, attributes }) => {
    const encoded = encodeAttributes(attributes);
    const view = new DataView(new ArrayBuffer(HEADER_SIZE));
    view.setUint16(0, HEADER_SIZE + encoded.length, true);
    view.setUint8(2, flags);
    view.setUint8(3, weight);
    view.setUint32(4, device, true);
    return [...new Uint8Array(view.buffer), ...encoded];
  }));
}
