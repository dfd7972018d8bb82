import assert from "node:assert/strict";
import { encodeNextHops, type NextHop, parseNextHops } from "./next_hops.ts";

const HOPS: readonly NextHop[] = [
  { flags: 4, weight: 2, device: 7, attributes: new Map([[5, Uint8Array.of(10, 0, 0, 1)]]) },
  { flags: 0, weight: 0, device: 0x1_0000, attributes: new Map() },
];
const BYTES = "10000402" + "07000000" + "08000500" + "0a000001" + "08000000" + "00000100";

Deno.test("parseNextHops() reads what encodeNextHops() has written", () => {
  assert.equal(encodeNextHops(HOPS).toHex(), BYTES);
  assert.deepEqual(parseNextHops(Uint8Array.fromHex(BYTES)), HOPS);
  assert.deepEqual(parseNextHops(new Uint8Array()), []);
});

Deno.test("parseNextHops() tells what is none", async (t) => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ["too short", "0800", /offset 0 has no end/],
    ["no length", "0000000007000000", /offset 0 has no end/],
    ["too long", "080000000700000009000000", /offset 8 has no end/],
    ["half an attribute", "0c00000007000000" + "08000500", /an attribute does not fit/],
  ];
  for (const [name, hex, want] of rows) {
    await t.step(name, () => {
      assert.throws(() => parseNextHops(Uint8Array.fromHex(hex)), (error) => (
        error instanceof RangeError && want.test(error.message)
      ));
    });
  }
});
