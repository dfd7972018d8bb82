import { equal as assertEqual } from "node:assert/strict";
import { parseBuildId } from "./parse_build_id.ts";

const ID = [0xde, 0xad, 0xbe, 0xef];
/** Size of name and content, NT_GNU_BUILD_ID, the name, the content (elf(5)). */
const NOTE = [4, 0, 0, 0, ID.length, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0, ...ID];

/** An ELF file whose only program header leads to a note. */
function fileOf(bits: 32 | 64, noteAt = 0x80): Uint8Array {
  const bytes = new Uint8Array(0x100);
  const view = new DataView(bytes.buffer);
  const isCompat = bits === 32;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, isCompat ? 1 : 2, 1, 1]);
  const headers = isCompat ? 52 : 64;
  view.setUint32(isCompat ? 28 : 32, headers, true);
  view.setUint16(isCompat ? 44 : 56, 1, true);
  view.setUint32(headers, 4, true);
  view.setUint32(headers + (isCompat ? 4 : 8), noteAt, true);
  view.setUint32(headers + (isCompat ? 16 : 32), NOTE.length, true);
  if (noteAt + NOTE.length <= bytes.length) bytes.set(NOTE, noteAt);
  return bytes;
}

Deno.test("parseBuildId() finds the note in files of 32 and of 64 bits", () => {
  assertEqual(parseBuildId(fileOf(32)), "deadbeef");
  assertEqual(parseBuildId(fileOf(64)), "deadbeef");
});

Deno.test("parseBuildId() finds nothing where there is nothing, and never fails", () => {
  assertEqual(parseBuildId(new Uint8Array(0)), undefined);
  assertEqual(parseBuildId(new TextEncoder().encode("#!/bin/sh".padEnd(100))), undefined);
  assertEqual(parseBuildId(fileOf(64, 0xf8)), undefined);
  for (let size = 0; size < 0x94; size++) assertEqual(parseBuildId(fileOf(32).subarray(0, size)), undefined);
});
