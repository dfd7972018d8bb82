import { deepEqual } from "node:assert/strict";
import { LowestDescriptors, words } from "./remote.ts";

const CASES: readonly (readonly [name: string, value: bigint | number, bytes: readonly number[]])[] = [
  ["a number", 0x1_0203, [3, 2, 1, 0, 0, 0, 0, 0]],
  ["an address", 0x7f01_0203_0405, [5, 4, 3, 2, 1, 0x7f, 0, 0]],
  ["a negative number", -2, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ["a bigint", 0x0102_0304_0506_0708n, [8, 7, 6, 5, 4, 3, 2, 1]],
  ["a negative bigint", -1n, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
];

Deno.test("words() are little-endian, of 64 bits", async (t) => {
  for (const [name, value, bytes] of CASES) {
    await t.step(name, () => deepEqual([...words(0, value)], [0, 0, 0, 0, 0, 0, 0, 0, ...bytes]));
  }
});

Deno.test("LowestDescriptors knows what the next file is opened at", () => {
  const lowest = new LowestDescriptors([0, 2]);
  deepEqual([lowest.take(), lowest.take(), lowest.peek()], [1, 3, 4]);
  lowest.occupy(4);
  lowest.release(2);
  deepEqual([lowest.take(), lowest.take()], [2, 5]);
  lowest.release(5);
  lowest.release(0);
  deepEqual([lowest.take(), lowest.peek()], [0, 5]);
});
