import type { SitEntry } from "../gen/sit.ts";
import { numberValue, type RouteMessage } from "./route_message.ts";

/** Attributes of a tunnel for IPv6 in IPv4, by type: IFLA_IPTUN_* of linux/if_tunnel.h. */
export type SitTunnel = RouteMessage["attributes"];

const IFLA_IPTUN_LOCAL = 2;
/** Bytes of the addresses of both ends, and of the prefixes of 6rd. */
const ADDRESS_SIZES: ReadonlyMap<number, number> = new Map([[IFLA_IPTUN_LOCAL, 4], [3, 4], [11, 16], [12, 4]]);
/** All that images have. */
const KNOWN: ReadonlySet<number> = new Set([1, IFLA_IPTUN_LOCAL, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);

/** What a tunnel is like, as far as images tell; they leave out addresses and prefixes that are 0. */
export function buildSit(entry: SitEntry): SitTunnel {
  const { link, local, remote, ttl, tos, flags, proto, pmtudisc } = entry;
  const { encapType, encapFlags, encapSport, encapDport, rdPrefix, rdPrefixlen, relayPrefix, relayPrefixlen } = entry;
  const values: readonly (readonly [type: number, value: Uint8Array | undefined])[] = [
    [1, longValue(link)],
    [IFLA_IPTUN_LOCAL, listValue(local)],
    [3, listValue(remote)],
    [4, byteValue(ttl)],
    [5, byteValue(tos)],
    [8, shortValue(flags)],
    [9, byteValue(proto)],
    // It is told only when it is so, and the kernel takes it for granted when it is not told.
    [10, byteValue(pmtudisc === true ? 1 : 0)],
    [11, listValue(rdPrefix)],
    [12, listValue(relayPrefix)],
    [13, shortValue(rdPrefixlen)],
    [14, shortValue(relayPrefixlen)],
    [15, shortValue(encapType)],
    [16, shortValue(encapFlags)],
    [17, shortValue(encapSport)],
    [18, shortValue(encapDport)],
  ];
  return new Map(values.flatMap(([type, value]) => value === undefined ? [] : [[type, value] as const]));
}

function byteValue(value: number | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : Uint8Array.of(value);
}

function shortValue(value: number | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : new Uint8Array(Uint16Array.of(value).buffer);
}

function longValue(value: number | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : numberValue(value);
}

function listValue(values: readonly number[]): Uint8Array | undefined {
  return values.length === 0 ? undefined : new Uint8Array(Uint32Array.from(values).buffer);
}

/** The address of IPv4 that packets of a tunnel come from; absent when any may be it. */
export function sitAddress(tunnel: SitTunnel | undefined): Uint8Array | undefined {
  const address = tunnel?.get(IFLA_IPTUN_LOCAL);
  return address?.some((byte) => byte !== 0) ? address : undefined;
}

/** Whether all addresses and prefixes are as long as such are. */
export function hasWholeAddresses(tunnel: SitTunnel): boolean {
  return [...tunnel].every(([type, value]) => value.length === (ADDRESS_SIZES.get(type) ?? value.length));
}

/** All that matters of a tunnel, for comparing: what is 0 need not be told. */
export function describeSit(tunnel: SitTunnel): string {
  return [...tunnel].filter(([type, value]) => KNOWN.has(type) && value.some((byte) => byte !== 0))
    .sort(([a], [b]) => a - b).map(([type, value]) => `${type}:${value.toHex()}`).join(" ");
}
