import assert from "node:assert/strict";
import type { Problem } from "../errors.ts";
import { frameEntries } from "../../tests/support/build_images.ts";
import { type ImageKind, splitFrames } from "./frame.ts";
import { type ImageType, type ImageVersion, magicsOf, TYPE_MAGIC } from "./magic.ts";

function kindOf(type: ImageType, version: ImageVersion): ImageKind {
  return { file: `${type}.img`, type, version };
}

function split(bytes: Uint8Array, kind = kindOf("pstree", 2)) {
  const problems: Problem[] = [];
  return { frames: splitFrames(bytes, kind, problems), problems };
}

const PAYLOADS = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(9)];

Deno.test("splitFrames() finds the entries of both framings", async (t) => {
  for (const version of [1, 2] as const) {
    for (const type of ["inventory", "pstree"] as const) {
      await t.step(`${type}, version ${version}`, () => {
        const magics = magicsOf(type, version);
        const { frames, problems } = split(frameEntries(magics, PAYLOADS), kindOf(type, version));
        assert.deepEqual(problems, []);
        assert.deepEqual(frames.map((frame) => frame.payload), PAYLOADS);
        assert.equal(frames[0]?.offset, 4 * magics.length + 4);
        assert.equal(magics.length, type === "inventory" || version === 1 ? 1 : 2);
      });
    }
  }
});

Deno.test("splitFrames() tells where a file is damaged", async (t) => {
  const good = frameEntries(magicsOf("pstree", 2), [Uint8Array.of(1, 2, 3)]);
  const rows: { name: string; bytes: Uint8Array; where: string; what: RegExp; frames?: number }[] = [
    { name: "empty", bytes: good.subarray(0, 0), where: "pstree.img", what: /empty/ },
    { name: "short first magic", bytes: good.subarray(0, 3), where: "pstree.img, offset 0", what: /ends within/ },
    { name: "short second magic", bytes: good.subarray(0, 7), where: "pstree.img, offset 4", what: /ends within/ },
    {
      name: "v1 where v1.1 is said",
      bytes: frameEntries([TYPE_MAGIC.pstree], []),
      where: "pstree.img, offset 0",
      what: /^the magic is 0x50273030, 0x54564319 is needed$/,
    },
    {
      name: "another type",
      bytes: frameEntries(magicsOf("core", 2), []),
      where: "pstree.img, offset 4",
      what: /^the magic is 0x55053847, 0x50273030 is needed$/,
    },
    { name: "short size", bytes: good.subarray(0, 10), where: "pstree.img, entry 0, offset 8", what: /^2 trailing/ },
    {
      name: "short payload",
      bytes: good.subarray(0, 14),
      where: "pstree.img, entry 0, offset 8",
      what: /have 3 bytes, but 2 are left/,
    },
    {
      name: "oversize",
      bytes: Uint8Array.of(...good.subarray(0, 8), 255, 255, 255, 255, 0),
      where: "pstree.img, entry 0, offset 8",
      what: /have 4294967295 bytes, but 1 are left/,
    },
    {
      name: "trailing byte",
      bytes: Uint8Array.of(...good, 0),
      where: "pstree.img, entry 1, offset 15",
      what: /^1 trailing bytes/,
      frames: 1,
    },
  ];
  for (const { name, bytes, where, what, frames = 0 } of rows) {
    await t.step(name, () => {
      const result = split(bytes);
      assert.equal(result.problems.length, 1);
      assert.equal(result.problems[0]?.where, where);
      assert.match(result.problems[0]?.what ?? "", what);
      assert.equal(result.frames.length, frames);
    });
  }
});

Deno.test("splitFrames() of a file with only its magic finds no entry and no problem", () => {
  assert.deepEqual(split(frameEntries(magicsOf("pstree", 2), [])), { frames: [], problems: [] });
});
