import { create, toBinary } from "@bufbuild/protobuf";
import { deepEqual as assertEquals } from "node:assert/strict";
import { ghost_chunk_entrySchema, ghost_file_entrySchema } from "../../tests/gen/remap_pb.ts";
import { frameEntries } from "../../tests/support/build_images.ts";
import { DenoFilesSys } from "../../tests/support/deno_files_sys.ts";
import type { FilePart } from "./content_images.ts";
import { ImageSource } from "./image_source.ts";
import { magicsOf } from "./magic.ts";
import { readGhost } from "./read_ghost.ts";

interface Row {
  readonly name: string;
  readonly entry?: { readonly mode?: number; readonly chunks?: boolean; readonly size?: number };
  /** What follows the entry. */
  readonly content: readonly Uint8Array[];
  /** Offsets are from the entry's end on. */
  readonly parts: readonly FilePart[];
  readonly problem?: string;
}

const bytes = (length: number) => new Uint8Array(length).fill(7);

/** A chunk with its bytes, or with fewer. */
function chunk(off: number, len: number, present = len): Uint8Array[] {
  const message = create(ghost_chunk_entrySchema, { off: BigInt(off), len: BigInt(len) });
  return [frameEntries([], [toBinary(ghost_chunk_entrySchema, message)]), bytes(present)];
}

const CHUNKED = { chunks: true, size: 9000 };

const ROWS: readonly Row[] = [
  { name: "no content", content: [], parts: [] },
  { name: "all of it", content: [bytes(5)], parts: [{ position: 0, offset: 0, length: 5 }] },
  { name: "a FIFO, which has none", entry: { mode: 0o010600 }, content: [], parts: [] },
  {
    name: "chunks with holes before and between them",
    entry: CHUNKED,
    content: [...chunk(4096, 100), ...chunk(8192, 808)],
    parts: [{ position: 4096, offset: 9, length: 100 }, { position: 8192, offset: 9 + 100 + 10, length: 808 }],
  },
  { name: "nothing but a hole", entry: CHUNKED, content: [], parts: [] },
  { name: "a chunk without bytes", entry: CHUNKED, content: chunk(10, 0), parts: [] },
  {
    name: "a chunk that is cut off",
    entry: CHUNKED,
    content: chunk(0, 100, 99),
    parts: [],
    problem: "ghost-file-1f.img, chunk 0: 100 bytes are to follow, but 99 are left",
  },
  {
    name: "a chunk behind the end",
    entry: CHUNKED,
    content: chunk(8999, 2),
    parts: [],
    problem: "ghost-file-1f.img, chunk 0: it ends at 9001, but the file has 9000 bytes",
  },
  {
    name: "chunks of a file of unknown size",
    entry: { chunks: true },
    content: chunk(0, 1),
    parts: [],
    problem: "ghost-file-1f.img, chunk 0: the file has chunks, but its entry does not say how large it is",
  },
  {
    name: "a chunk that is none",
    entry: CHUNKED,
    content: [new Uint8Array([200, 0, 0, 0, 1])],
    parts: [],
    problem: "ghost-file-1f.img, chunk 0: the entry is to have 200 bytes, but 1 are left in the file",
  },
];

Deno.test("readGhost()", async (t) => {
  for (const row of ROWS) await t.step(row.name, () => check(row));
});

function check({ entry = {}, content, parts, problem }: Row): void {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-images-" });
  try {
    const { mode = 0o100644, chunks, size } = entry;
    const message = create(ghost_file_entrySchema, {
      ...{ uid: 1, gid: 2, mode },
      ...chunks === undefined ? {} : { chunks },
      ...size === undefined ? {} : { size: BigInt(size) },
    });
    const head = frameEntries(magicsOf("ghost-file", 2), [toBinary(ghost_file_entrySchema, message)]);
    Deno.writeFileSync(`${directory}/ghost-file-1f.img`, concatenate([head, ...content]));
    const files = new DenoFilesSys();
    const source = new ImageSource(files.sys, directory);
    const ghost = readGhost(source, 0x1f);
    assertEquals(source.problems.map(({ where, what }) => `${where}: ${what}`), problem === undefined ? [] : [problem]);
    assertEquals(ghost?.parts.map((part) => ({ ...part, offset: part.offset - head.length })), parts);
    assertEquals(files.left, []);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
