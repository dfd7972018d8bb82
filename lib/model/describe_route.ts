import { renderAddress } from "./inet_address.ts";
import { encodeNextHops, type NextHop, parseNextHops } from "./next_hops.ts";
import { numberAt, type RouteMessage } from "./route_message.ts";

/** Attributes of addresses (linux/if_addr.h). */
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
export const IFA_FLAGS = 8;
const IFA_PROTO = 11;
/** Attributes of routes (linux/rtnetlink.h). */
export const RTA_DST = 1;
export const RTA_MULTIPATH = 9;
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

/** The flags of an address (IFA_F_*); old kernels have only a byte for them. */
export function addressFlags({ header, attributes }: RouteMessage): number {
  return numberAt(attributes.get(IFA_FLAGS)) ?? header[2] ?? 0;
}

/** The index of the device of an address, in its `struct ifaddrmsg`. */
export function addressDevice({ header }: RouteMessage): number {
  return numberAt(header, 4) ?? 0;
}

/** Whether the kernel has made an address of IPv6 for a while, so that others do not know whose it is (RFC 8981). */
export function isTemporary(address: RouteMessage): boolean {
  return address.header[0] === AF_INET6 && (addressFlags(address) & IFA_F_TEMPORARY) !== 0;
}

/**
 * All that matters of an address, for comparing: not when it was made, how long a limited time it has left, whether the
 * kernel has made it, which only new ones tell (Linux 5.18), whether it has found out yet that nobody else has it, and
 * whether it is temporary, which nobody else can make.
 */
export function describeAddress(message: RouteMessage): string {
  const lifetimes = message.attributes.get(IFA_CACHEINFO);
  const [preferred, valid] = [0, 4].map((offset) =>
    numberAt(lifetimes, offset) === FOREVER ? "forever" : "for a while"
  );
  const ignored = message.header[0] === AF_INET6 ? OF_KERNEL : 0;
  const flags = (addressFlags(message) & ~ignored).toString(16);
  const header = `0x${flags} ${message.header.subarray(3).toHex()}`;
  return `${nameAddress(message)} ${header} ${
    describeAttributes(message, [IFA_CACHEINFO, IFA_FLAGS, IFA_PROTO])
  } ${preferred} ${valid}`;
}

const AF_INET6 = 10;
const IFA_F_TEMPORARY = 0x1;
/** That, IFA_F_DADFAILED, IFA_F_TENTATIVE and IFA_F_STABLE_PRIVACY (linux/if_addr.h). */
const OF_KERNEL = 0x848 | IFA_F_TEMPORARY;
const FOREVER = 0xffff_ffff;

/** Place in `struct rtmsg`, and RTNH_F_ONLINK: of its flags, only that one can be chosen. */
const ROUTE_FLAGS = 8;
const RTNH_F_ONLINK = 4;

/** A route without what the kernel derives, as whether its device is connected. */
export function plainRoute({ type, header, attributes }: RouteMessage): RouteMessage {
  const plain = new Uint8Array(header);
  const flags = (numberAt(header, ROUTE_FLAGS) ?? 0) & RTNH_F_ONLINK;
  new DataView(plain.buffer).setUint32(ROUTE_FLAGS, flags, true);
  const hops = nextHopsOf({ attributes }).map((hop) => ({ ...hop, flags: hop.flags & RTNH_F_ONLINK }));
  const ways = hops.length === 0 ? [] : [[RTA_MULTIPATH, encodeNextHops(hops)] as const];
  return { type, header: plain, attributes: new Map([...attributes, ...ways]) };
}

/**
 * The ways of a route that has several.
 *
 * @throws {RangeError} when they cannot be read
 */
export function nextHopsOf({ attributes }: Pick<RouteMessage, "attributes">): NextHop[] {
  return parseNextHops(attributes.get(RTA_MULTIPATH) ?? new Uint8Array());
}

/** Place in `struct rta_cacheinfo`. */
const EXPIRES = 8;

/** How long a route is there, in ticks of 10 ms; 0: for ever, and below 0 for one that is about to go. */
export function routeTimeLeft({ attributes }: RouteMessage): number {
  return (numberAt(attributes.get(RTA_CACHEINFO), EXPIRES) ?? 0) | 0;
}

/** All that matters of a route, for comparing; of one that ends, not when. */
export function describeRoute(message: RouteMessage): string {
  const plain = plainRoute(message);
  const header = plain.header.subarray(2).toHex();
  const time = routeTimeLeft(message) === 0 ? "" : " for a while";
  return `${nameRoute(message)} ${header} ${describeAttributes(plain, [RTA_CACHEINFO])}${time}`;
}

/** Attributes but some, by type. */
export function describeAttributes({ attributes }: RouteMessage, without: readonly number[] = []): string {
  return [...attributes].filter(([type]) => !without.includes(type)).sort(([a], [b]) => a - b)
    .map(([type, value]) => `${type}:${value.toHex()}`).join(" ");
}
