import assert from "node:assert/strict";
import { CgrestoreError, ImageError } from "../../lib/errors.ts";
import { readImages } from "../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import { memorySys, readImageFiles } from "../support/memory_sys.ts";

/** Images to damage (of contents, those of one task), and whether contents are read. */
interface Part {
  readonly name: string;
  readonly damaged: RegExp;
  readonly contents: boolean;
}

const PARTS: readonly Part[] = [
  { name: "of placeholders", damaged: /^(inventory|pstree|cgroup|core-\d+|ids-\d+)\.img$/, contents: false },
  { name: "of contents", damaged: /^((core|mm|fs|pagemap)-5001|fdinfo-2|files|seccomp)\.img$/, contents: true },
];

/** Without these, tasks have no files, no pages or no filters. */
const OPTIONAL = /^(fdinfo-\d+|pagemap-\d+|seccomp)\.img$/;

/** The images of a checkpoint, and those among them that a part's tests damage. */
function readFiles(name: string, { damaged, contents }: Part) {
  const files = readImageFiles(name);
  return { files, contents, damaged: [...files].filter(([file]) => damaged.test(file)) };
}

type Files = Pick<ReturnType<typeof readFiles>, "files" | "contents">;

/** Reads the files; the error when they are refused. Any other error than an ImageError with problems is a failure. */
function refusal({ files, contents }: Files, changed: string): CgrestoreError | undefined {
  try {
    buildCheckpoint(readImages(memorySys(files), "/images", { contents }));
  } catch (error) {
    assert.ok(error instanceof ImageError, `${changed}: ${error instanceof Error ? error.stack : error}`);
    assert.ok(error.problems.length > 0, changed);
    for (const { where, what } of error.problems) assert.ok(where !== "" && what !== "" && !what.endsWith("."), what);
    return error;
  }
  return undefined;
}

/** Reads the checkpoint with one file replaced by each of `versions`; how many of them were refused. */
function countRefusals({ files, contents }: Files, file: string, versions: Iterable<Uint8Array>): number {
  const changed = new Map(files);
  let refused = 0;
  for (const bytes of versions) {
    changed.set(file, bytes);
    if (refusal({ files: changed, contents }, `${file} of ${bytes.length} bytes`) !== undefined) refused++;
  }
  return refused;
}

function* prefixes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.subarray(0, length);
}

/** Every byte in every `step`th place changed in four ways. */
function* flips(bytes: Uint8Array, step: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) {
    for (const mask of [0x01, 0x08, 0x80, 0xff]) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ mask;
      yield changed;
    }
  }
}

/** How many prefixes of an image are an image: the ends of its entries, where fewer of them are no contradiction. */
function countImages(file: string, bytes: Uint8Array): number {
  // Without a first entry pstree.img has no tasks; an empty cgroup.img would be fine if the tasks had no sets.
  if (file === "pstree.img") return 2;
  if (!OPTIONAL.test(file)) return 0;
  const entries = countEntries(bytes);
  // A pagemap needs its head; the others are fine when they are empty, or have nothing but their magic.
  return file.startsWith("pagemap-") ? entries - 1 : entries + 1;
}

function countEntries(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let entries = 0;
  for (let at = 8; at < bytes.length; at += 4 + view.getUint32(at, true)) entries++;
  return entries;
}

for (const part of PARTS) {
  Deno.test(`every prefix of every image ${part.name} is a checkpoint or an ImageError`, async (t) => {
    for (const name of ["v1-criu3", "v2-siblings-criu4"]) {
      const files = readFiles(name, part);
      assert.equal(refusal(files, name), undefined);
      for (const [file, bytes] of files.damaged) {
        await t.step(`${name}/${file}`, () => {
          const refused = countRefusals(files, file, prefixes(bytes));
          assert.equal(refused, bytes.length - countImages(file, bytes));
        });
      }
    }
  });

  Deno.test(`every flipped byte of the images ${part.name} is a checkpoint or an ImageError`, async (t) => {
    for (const name of ["hybrid-criu4", "v2-criu3"]) {
      const files = readFiles(name, part);
      for (const [file, bytes] of files.damaged) {
        const step = file === "cgroup.img" && name === "hybrid-criu4" ? 5 : file.startsWith("core-") ? 7 : 1;
        await t.step(`${name}/${file}`, () => {
          const refused = countRefusals(files, file, flips(bytes, step));
          assert.ok(refused > 0);
        });
      }
    }
  });

  Deno.test(`a trailing byte is refused in every image ${part.name}`, async (t) => {
    const files = readFiles("v1-siblings-criu4", part);
    for (const [file, bytes] of files.damaged) {
      await t.step(file, () => assert.equal(countRefusals(files, file, [Uint8Array.of(...bytes, 0)]), 1));
    }
  });

  Deno.test(`a missing image ${part.name} is refused, but for those that need not be there`, () => {
    const files = readFiles("v1-siblings-criu4", part);
    for (const [file] of files.damaged) {
      const lacking = new Map(files.files);
      lacking.delete(file);
      assert.equal(refusal({ ...files, files: lacking }, file) === undefined, OPTIONAL.test(file), file);
    }
  });

  Deno.test(`bytes at random in the place of an image ${part.name} are an ImageError`, () => {
    const files = readFiles("v2-criu4", part);
    let state = 1;
    const random = () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >>> 8 & 0xff;
    for (const [file, bytes] of files.damaged) {
      const header = bytes.subarray(0, file === "inventory.img" ? 4 : 8);
      const versions = Array.from({ length: 300 }, (_, length) => {
        const payload = Array.from({ length }, random);
        return Uint8Array.of(...header, length & 0xff, length >> 8, 0, 0, ...payload);
      });
      const refused = countRefusals(files, file, versions);
      assert.ok(refused >= 295, `${file}: ${refused}`);
    }
  });
}

Deno.test("a working directory that is a file of another type is refused", () => {
  const { files } = readFiles("v1-criu4", { name: "of contents", damaged: /^fs-/, contents: true });
  const images = readImages(memorySys(files), "/images", { contents: true });
  const { contents } = images;
  assert.ok(contents !== undefined);
  const [pid, directories] = [...contents.fs][0]!;
  const file = contents.files.find(({ reg }) => reg?.mode !== undefined && (reg.mode & 0o170000) === 0o100000);
  assert.ok(file !== undefined);
  const fs = new Map([...contents.fs, [pid, { ...directories, cwdId: file.id }]]);
  const message = `fs-${pid}.img: file ${file.id} is no directory`;
  assert.throws(() => buildCheckpoint({ ...images, contents: { ...contents, fs } }), (error) => {
    assert.ok(error instanceof ImageError);
    assert.deepEqual(error.problems.map(({ where, what }) => `${where}: ${what}`), [message]);
    return true;
  });
});
