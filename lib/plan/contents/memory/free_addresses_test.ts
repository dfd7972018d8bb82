import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { aMapping, aSpace } from "../../../../tests/support/build_space.ts";
import { findFreeAddresses, findLowAddresses } from "./free_addresses.ts";

const GIB = 2 ** 30;

Deno.test("findFreeAddresses() takes the lowest 4 GiB that are free in all tasks", () => {
  const one = aSpace({ mappings: [aMapping(0x40_0000, 1), aMapping(5 * GIB, 1)] });
  const other = aSpace({ mappings: [aMapping(12 * GIB - 0x1000, 2)] });
  const expected = { start: 16 * GIB, end: 18 * GIB, scratch: 17 * GIB, kept: 19 * GIB };
  assertEquals(findFreeAddresses([one, other]), expected);
  assertEqual(findFreeAddresses([one])?.start, 8 * GIB);
});

Deno.test("findFreeAddresses() finds a gap between terabytes, and none where there is none", () => {
  const all = aMapping(4 * GIB, (2 ** 47 - 4 * GIB) / 4096);
  const gap = 100 * 1024 * GIB;
  const [below, above] = [{ ...all, end: gap + GIB }, { ...all, start: gap + 8 * GIB }];
  assertEqual(findFreeAddresses([aSpace({ mappings: [below, above] })])?.start, gap + 4 * GIB);
  assertEqual(findFreeAddresses([aSpace({ mappings: [all] })]), undefined);
});

Deno.test("findFreeAddresses() is not disturbed by the page of vsyscalls", () => {
  const page = aMapping(2 ** 64 - 10 * 2 ** 20, 1, { content: { kind: "vsyscall" } });
  assertEqual(findFreeAddresses([aSpace({ mappings: [page] })])?.start, 4 * GIB);
});

Deno.test("findLowAddresses() takes the lowest that are free above what no program may map", () => {
  const low = (...mappings: readonly ReturnType<typeof aMapping>[]) => findLowAddresses(aSpace({ mappings }))?.page;
  const MIB = 2 ** 20;
  assertEqual(low(aMapping(0x804_8000, 100)), MIB);
  assertEqual(low(aMapping(MIB, 1), aMapping(MIB + 0x2000, 1)), MIB + 0x3000);
  assertEqual(low(aMapping(MIB, (4 * GIB - 2 * MIB) / 0x1000), aMapping(8 * GIB, 1)), 4 * GIB - MIB);
  assertEqual(low(aMapping(MIB, (4 * GIB - 2 * MIB) / 0x1000 + 1)), undefined);
});
