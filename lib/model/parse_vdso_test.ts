import { deepEqual as assertEquals, equal as assertEqual, ok as assert } from "node:assert/strict";
import { buildVdso } from "../../tests/support/build_vdso.ts";
import { parseVdso } from "./parse_vdso.ts";

const FUNCTIONS = [
  { name: "__vdso_clock_gettime", offset: 0x800, size: 64 },
  { name: "clock_gettime", offset: 0x800, size: 64 },
  { name: "__vdso_time", offset: 0x900, size: 16 },
];

Deno.test("parseVdso() reads the functions of either table of hashes", () => {
  assertEquals(parseVdso(buildVdso(FUNCTIONS)), FUNCTIONS);
  assertEquals(parseVdso(buildVdso(FUNCTIONS, { hash: "gnu" })), FUNCTIONS);
});

Deno.test("parseVdso() reads files of 32 bits", () => {
  assertEquals(parseVdso(buildVdso(FUNCTIONS, { isCompat: true })), FUNCTIONS);
  assertEquals(parseVdso(buildVdso(FUNCTIONS, { isCompat: true, hash: "gnu", base: 0xffff_e000n })), FUNCTIONS);
});

Deno.test("parseVdso() counts from the address that the vdso is linked to", () => {
  assertEquals(parseVdso(buildVdso(FUNCTIONS, { base: 0xffff_ffff_ff70_0000n })), FUNCTIONS);
});

Deno.test("parseVdso() finds nothing in what is no vdso, and never fails", () => {
  const whole = buildVdso(FUNCTIONS);
  assertEqual(parseVdso(new Uint8Array(0)), undefined);
  assertEqual(parseVdso(new Uint8Array(4096)), undefined);
  for (let size = 1; size < 0x600; size += 7) parseVdso(whole.slice(0, size));
  for (let at = 0; at < 0x600; at++) {
    const damaged = whole.slice();
    damaged[at] = 0xff;
    const found = parseVdso(damaged);
    assert(found === undefined || Array.isArray(found));
  }
});
