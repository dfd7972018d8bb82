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
