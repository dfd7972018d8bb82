import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import type { Problem } from "../errors.ts";
import { frameEntries } from "../../tests/support/build_images.ts";
import { readCgroupEntry } from "../gen/cgroup.ts";
import { readCoreEntry } from "../gen/core.ts";
import { readPstreeEntry } from "../gen/pstree.ts";
import { pstree_entrySchema } from "../../tests/gen/pstree_pb.ts";
import { decodeEntries, decodeSingle } from "./decode.ts";
import type { ImageKind } from "./frame.ts";
import { magicsOf } from "./magic.ts";

const CORE: ImageKind = { file: "core-7.img", type: "core", version: 2 };
const CGROUP: ImageKind = { file: "cgroup.img", type: "cgroup", version: 2 };
const PSTREE: ImageKind = { file: "pstree.img", type: "pstree", version: 2 };

function frame(kind: ImageKind, ...payloads: Uint8Array[]): Uint8Array {
  return frameEntries(magicsOf(kind.type, kind.version), payloads);
}

function decodeCore(...payloads: Uint8Array[]) {
  const problems: Problem[] = [];
  const message = decodeSingle(readCoreEntry, frame(CORE, ...payloads), { kind: CORE, problems });
  return { message, problems };
}

Deno.test("decodeSingle() refuses what is not one complete message", async (t) => {
  const mtype = [0x08, 1];
  const rows: { name: string; payloads: number[][]; where: string; what: RegExp }[] = [
    { name: "no entry", payloads: [], where: "core-7.img", what: /no entry/ },
    { name: "two entries", payloads: [mtype, mtype], where: "core-7.img, entry 1, offset 14", what: /more than one/ },
    {
      name: "nothing in it",
      payloads: [[]],
      where: "core-7.img, entry 0, offset 12",
      what: /"core_entry.mtype" is missing/,
    },
    {
      name: "an unknown enum value",
      payloads: [[0x08, 99]],
      where: "core-7.img, entry 0, offset 12",
      what: /"core_entry.mtype" has the unknown value 99/,
    },
    {
      name: "a required field missing inside",
      payloads: [[...mtype, 0x1a, 2, 0x08, 1]],
      where: "core-7.img, entry 0, offset 12",
      what: /"task_core_entry\.exit_code" is missing/,
    },
    {
      name: "a length beyond the end",
      payloads: [[...mtype, 0x1a, 9, 0x08]],
      where: "core-7.img, entry 0, offset 12",
      what: /^the protobuf message is malformed: /,
    },
    { name: "an endless varint", payloads: [[0x08, ...new Array(12).fill(255)]], where: "", what: /malformed/ },
    { name: "field number 0", payloads: [[0x00, 0x00]], where: "", what: /malformed/ },
    { name: "groups without end", payloads: [new Array(5000).fill(0x83)], where: "", what: /malformed/ },
    { name: "groups too deep", payloads: [new Array(5000).fill(0x7b)], where: "", what: /malformed/ },
  ];
  for (const { name, payloads, where, what } of rows) {
    await t.step(name, () => {
      const { message, problems } = decodeCore(...payloads.map((bytes) => Uint8Array.from(bytes)));
      assert.equal(message, undefined);
      assert.equal(problems.length, 1);
      if (where !== "") assert.equal(problems[0]?.where, where);
      assert.match(problems[0]?.what ?? "", what);
    });
  }
});

Deno.test("decodeSingle() skips what it does not know", () => {
  const { message, problems } = decodeCore(Uint8Array.of(0x08, 1, 0x32, 2, 7, 7, 0xf8, 0x01, 5));
  assert.deepEqual(problems, []);
  assert.equal(message?.mtype, 1);
});

Deno.test("decodeSingle() checks required fields in lists and below, and directories nested 5000 deep", () => {
  const problems: Problem[] = [];
  const incomplete = Uint8Array.of(0x12, 6, 0x12, 4, 0x0a, 0, 0x1a, 0);
  assert.equal(decodeSingle(readCgroupEntry, frame(CGROUP, incomplete), { kind: CGROUP, problems }), undefined);
  assert.match(problems.pop()?.what ?? "", /"cgroup_prop_entry\.name" is missing/);

  let nested = Uint8Array.of(0x0a, 0);
  for (let depth = 0; depth < 5000; depth++) nested = Uint8Array.of(0x12, ...varint(nested.length), ...nested);
  decodeSingle(readCgroupEntry, frame(CGROUP, nested), { kind: CGROUP, problems });
  assert.match(problems.pop()?.what ?? "", /malformed: .*recursion/);
});

Deno.test("decodeEntries() keeps the good entries and tells of each bad one", () => {
  const good = toBinary(pstree_entrySchema, create(pstree_entrySchema, { pid: 1, ppid: 0, pgid: 1, sid: 1 }));
  const problems: Problem[] = [];
  const bytes = frame(PSTREE, good, Uint8Array.of(0x08), good, Uint8Array.of());
  assert.equal(decodeEntries(readPstreeEntry, bytes, { kind: PSTREE, problems }).length, 2);
  assert.deepEqual(problems.map((problem) => problem.where), [
    `pstree.img, entry 1, offset ${8 + 4 + good.length + 4}`,
    `pstree.img, entry 3, offset ${bytes.length}`,
  ]);
});

function varint(number: number): number[] {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...varint(number >>> 7)];
}
