import { deepEqual } from "node:assert/strict";
import { bitsOf } from "./bits.ts";

const CASES: readonly (readonly [mask: bigint, bits: readonly number[]])[] = [
  [0n, []],
  [1n, [0]],
  [0b1010n, [1, 3]],
  [1n << 63n | 1n << 32n, [32, 63]],
];

Deno.test("bitsOf() tells the bits of a mask", async (t) => {
  for (const [mask, bits] of CASES) {
    await t.step(mask.toString(2), () => deepEqual(bitsOf(mask), bits));
  }
});
