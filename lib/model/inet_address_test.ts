import { equal as assertEqual } from "node:assert/strict";
import { isUnspecified, maskAddress, overlap, renderAddress, renderEndpoint } from "./inet_address.ts";

const ROWS: readonly (readonly [string, string])[] = [
  ["7f000001", "127.0.0.1"],
  ["00000000000000000000000000000000", "::"],
  ["00000000000000000000000000000001", "::1"],
  ["fe80000000000000000000000000000a", "fe80::a"],
  ["20010db8000000010000000000000001", "2001:db8:0:1::1"],
  ["00010002000300040005000600070008", "1:2:3:4:5:6:7:8"],
  ["00000002000000000000000600000000", "0:2::6:0:0"],
];

Deno.test("renderAddress() leaves the longest run of zeros away", async (t) => {
  for (const [bytes, text] of ROWS) {
    await t.step(text, () => assertEqual(renderAddress(Uint8Array.fromHex(bytes)), text));
  }
});

Deno.test("maskAddress() keeps what begins an address", async (t) => {
  const rows: readonly (readonly [number, string])[] = [
    [0, "0.0.0.0"],
    [8, "10.0.0.0"],
    [13, "10.248.0.0"],
    [24, "10.255.7.0"],
    [32, "10.255.7.9"],
  ];
  for (const [prefix, want] of rows) {
    await t.step(want, () => assertEqual(renderAddress(maskAddress(Uint8Array.of(10, 255, 7, 9), prefix)), want));
  }
});

Deno.test("renderEndpoint() puts addresses of IPv6 into brackets", () => {
  assertEqual(renderEndpoint({ address: new Uint8Array([127, 0, 0, 1]), port: 80 }), "127.0.0.1:80");
  assertEqual(renderEndpoint({ address: new Uint8Array(16), port: 80 }), "[::]:80");
});

Deno.test("isUnspecified() knows the address that means any", () => {
  assertEqual(isUnspecified(new Uint8Array(16)), true);
  assertEqual(isUnspecified(new Uint8Array([0, 0, 0, 1])), false);
});

const V4_ANY = new Uint8Array(4);
const V4 = new Uint8Array([127, 0, 0, 1]);
const V6_ANY = new Uint8Array(16);
const V6 = Uint8Array.fromHex("00000000000000000000000000000001");
const MAPPED = Uint8Array.fromHex("00000000000000000000ffff7f000001");

const OVERLAPS: readonly (readonly [string, Uint8Array, Uint8Array, { both?: boolean; only?: boolean }])[] = [
  ["an address and itself", V4, V4, { both: true, only: true }],
  ["an address and any of its family", V4, V4_ANY, { both: true, only: true }],
  ["two addresses", V4, new Uint8Array([127, 0, 0, 2]), {}],
  ["an address of IPv4 and any of IPv6", V4, V6_ANY, { both: true }],
  ["any of IPv4 and one of IPv6", V4_ANY, V6, {}],
  ["an address of IPv4 and the same for IPv6", V4, MAPPED, { both: true, only: true }],
];

Deno.test("overlap() depends on whether a socket of IPv6 is for IPv4 as well", async (t) => {
  for (const [name, one, other, { both = false, only = false }] of OVERLAPS) {
    await t.step(name, () => {
      assertEqual(overlap({ address: one, isV6Only: false }, { address: other, isV6Only: false }), both);
      assertEqual(overlap({ address: other, isV6Only: false }, { address: one, isV6Only: false }), both);
      assertEqual(overlap({ address: one, isV6Only: true }, { address: other, isV6Only: true }), only);
    });
  }
});
