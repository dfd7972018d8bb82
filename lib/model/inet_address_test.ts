import { equal as assertEqual } from "node:assert/strict";
import { isUnspecified, renderAddress, renderEndpoint } from "./inet_address.ts";

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

Deno.test("renderEndpoint() puts addresses of IPv6 into brackets", () => {
  assertEqual(renderEndpoint({ address: new Uint8Array([127, 0, 0, 1]), port: 80 }), "127.0.0.1:80");
  assertEqual(renderEndpoint({ address: new Uint8Array(16), port: 80 }), "[::]:80");
});

Deno.test("isUnspecified() knows the address that means any", () => {
  assertEqual(isUnspecified(new Uint8Array(16)), true);
  assertEqual(isUnspecified(new Uint8Array([0, 0, 0, 1])), false);
});
