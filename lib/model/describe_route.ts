import { renderAddress } from "./inet_address.ts";
import { numberAt, type RouteMessage } from "./route_message.ts";

/** Attributes of addresses (linux/if_addr.h). */
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_PROTO = 11;
/** Attributes of routes (linux/rtnetlink.h). */
export const RTA_DST = 1;
export const RTA_CACHEINFO = 12;

/** RTN_* that are no way to anywhere (linux/rtnetlink.h). */
const ROUTE_TYPES: ReadonlyMap<number, string> = new Map([
  [2, "local "],
  [3, "broadcast "],
  [4, "anycast "],
  [5, "multicast "],
  [6, "blackhole "],
  [7, "unreachable "],
  [8, "prohibit "],
  [9, "throw "],
]);

/** `"10.0.0.1/8"`; `struct ifaddrmsg` has the family and the length of the prefix first. */
export function nameAddress({ header, attributes }: RouteMessage): string {
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? new Uint8Array();
  return `${renderAddress(address)}/${header[1]}`;
}

/** `"10.0.0.0/8"`, `"blackhole ::/0"`; `struct rtmsg` begins like that as well, and its type comes last but the flags. */
export function nameRoute({ header, attributes }: RouteMessage): string {
  const any = new Uint8Array(header[0] === 2 ? 4 : 16);
  const type = ROUTE_TYPES.get(header[7] ?? 0) ?? "";
  return `${type}${renderAddress(attributes.get(RTA_DST) ?? any)}/${header[1]}`;
}

/**
 * All that matters of an address, for comparing: not when it was made, how long a limited time it has left, and whether
 * the kernel has made it, which only new ones tell (Linux 5.18).
 */
export function describeAddress(message: RouteMessage): string {
  const lifetimes = message.attributes.get(IFA_CACHEINFO);
  const [preferred, valid] = [0, 4].map((offset) =>
    numberAt(lifetimes, offset) === FOREVER ? "forever" : "for a while"
  );
  const header = message.header.subarray(2).toHex();
  return `${nameAddress(message)} ${header} ${
    describeAttributes(message, [IFA_CACHEINFO, IFA_PROTO])
  } ${preferred} ${valid}`;
}

const FOREVER = 0xffff_ffff;

/** All that matters of a route, for comparing. */
export function describeRoute(message: RouteMessage): string {
  return `${nameRoute(message)} ${message.header.subarray(2).toHex()} ${describeAttributes(message, [RTA_CACHEINFO])}`;
}

function describeAttributes({ attributes }: RouteMessage, without: readonly number[]): string {
  return [...attributes].filter(([type]) => !without.includes(type)).sort(([a], [b]) => a - b)
    .map(([type, value]) => `${type}:${value.toHex()}`).join(" ");
}
