/** Addresses of IPv4 and IPv6 as bytes, in the order of the network. */

/** `"127.0.0.1"`, `"::1"`: inet_ntop(3) without its special cases. */
export function renderAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (
    ((address[2 * index] ?? 0) * 256 + (address[2 * index + 1] ?? 0)).toString(16)
  ));
  const text = groups.join(":");
  const zeros = longest(text.match(/\b0(:0)+\b/g) ?? []);
  return zeros === undefined ? text : text.replace(new RegExp(`(^|:)${zeros}(:|$)`), "::");
}

function longest(texts: readonly string[]): string | undefined {
  return texts.toSorted((a, b) => b.length - a.length)[0];
}

/** `"127.0.0.1:80"`, `"[::1]:80"`. */
export function renderEndpoint({ address, port }: { readonly address: Uint8Array; readonly port: number }): string {
  const text = renderAddress(address);
  return address.length === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}

/** Whether an address is 0.0.0.0 or ::, which means any. */
export function isUnspecified(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

/** The first address of the network that an address is in. */
export function maskAddress(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((byte, index) => byte & networkMask(prefix, index));
}

/** Which bits of the byte `index` of addresses are of the network. */
export function networkMask(prefix: number, index: number): number {
  return 0xff00 >> Math.min(8, Math.max(0, prefix - 8 * index)) & 0xff;
}

/** Where a socket is bound, or would be. */
export interface SocketAddress {
  readonly address: Uint8Array;
  /** Whether a socket of IPv6 leaves IPv4 to others. */
  readonly isV6Only: boolean | undefined;
}

/** Whether packets for one address could be for the other as well. */
export function overlap(one: SocketAddress, other: SocketAddress): boolean {
  const [a, b] = [unmap(one.address), unmap(other.address)];
  if (a.length === b.length) return isUnspecified(a) || isUnspecified(b) || isSameAddress(a, b);
  const six = a.length > b.length ? one : other;
  return isUnspecified(six.address) && six.isV6Only !== true;
}

export function isSameAddress(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** An address of IPv4, where an address of IPv6 means one: ::ffff:127.0.0.1. */
export function unmap(address: Uint8Array): Uint8Array {
  const isMapped = address.length === 16 && isUnspecified(address.subarray(0, 10)) &&
    address[10] === 0xff && address[11] === 0xff;
  return isMapped ? address.subarray(12) : address;
}
