import assert from "node:assert/strict";
import { CgrestoreError, ImageError, SysError } from "../../lib/errors.ts";
import { readImages } from "../../lib/image/read_images.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import type { Sys } from "../../lib/sys/sys.ts";

const FIXTURES = new URL("../fixtures/checkpoints/", import.meta.url).pathname;
const READ = /^(inventory|pstree|cgroup|core-\d+|ids-\d+)\.img$/;

/** The calls of `Sys` for files that are only in memory, by name. */
function memorySys(files: ReadonlyMap<string, Uint8Array>): Sys {
  const open = new Map<number, { bytes: Uint8Array; at: number }>();
  const get = (fd: number) => open.get(fd)!;
  let next = 3;
  const calls: Pick<Sys, "open" | "fstat" | "read" | "close"> = {
    open: (path) => {
      const bytes = files.get(path.slice(path.lastIndexOf("/") + 1));
      if (bytes === undefined) throw new SysError("open", "ENOENT", `Cannot open "${path}"`);
      open.set(next, { bytes, at: 0 });
      return next++;
    },
    fstat: (fd) => ({ mode: 0o100644, uid: 0, gid: 0, size: get(fd).bytes.length }),
    // In small bites, so that reading has to put them together.
    read: (fd, buffer) => {
      const file = get(fd);
      const bite = file.bytes.subarray(file.at, file.at + Math.min(buffer.length, 1000));
      buffer.set(bite);
      file.at += bite.length;
      return bite.length;
    },
    close: (fd) => void open.delete(fd),
  };
  return calls as Sys;
}

function readFiles(name: string): Map<string, Uint8Array> {
  const names = [...Deno.readDirSync(FIXTURES + name)].map((entry) => entry.name).filter((file) => READ.test(file));
  return new Map(names.map((file) => [file, Deno.readFileSync(`${FIXTURES}${name}/${file}`)]));
}

/** Reads the files; the error when they are refused. Any other error than an ImageError with problems is a failure. */
function refusal(files: ReadonlyMap<string, Uint8Array>, changed: string): CgrestoreError | undefined {
  try {
    buildCheckpoint(readImages(memorySys(files), "/images", { contents: false }));
  } catch (error) {
    assert.ok(error instanceof ImageError, `${changed}: ${error instanceof Error ? error.stack : error}`);
    assert.ok(error.problems.length > 0, changed);
    for (const { where, what } of error.problems) assert.ok(where !== "" && what !== "" && !what.endsWith("."), what);
    return error;
  }
  return undefined;
}

/** Reads the checkpoint with one file replaced by each of `versions`; how many of them were refused. */
function countRefusals(files: Map<string, Uint8Array>, file: string, versions: Iterable<Uint8Array>): number {
  const changed = new Map(files);
  let refused = 0;
  for (const bytes of versions) {
    changed.set(file, bytes);
    if (refusal(changed, `${file} of ${bytes.length} bytes`) !== undefined) refused++;
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

Deno.test("every prefix of every image is a checkpoint or an ImageError", async (t) => {
  for (const name of ["v1-criu3", "v2-siblings-criu4"]) {
    const files = readFiles(name);
    assert.equal(refusal(files, name), undefined);
    for (const [file, bytes] of files) {
      await t.step(`${name}/${file}`, () => {
        const refused = countRefusals(files, file, prefixes(bytes));
        // An empty cgroup.img would be fine if the tasks had no sets; without a first entry pstree.img has no tasks.
        const boundaries = file === "pstree.img" ? 2 : 0;
        assert.equal(refused, bytes.length - boundaries);
      });
    }
  }
});

Deno.test("every flipped byte is a checkpoint or an ImageError", async (t) => {
  for (const name of ["hybrid-criu4", "v2-criu3"]) {
    const files = readFiles(name);
    for (const [file, bytes] of files) {
      const step = file === "cgroup.img" && name === "hybrid-criu4" ? 5 : file.startsWith("core-") ? 7 : 1;
      await t.step(`${name}/${file}`, () => {
        const refused = countRefusals(files, file, flips(bytes, step));
        assert.ok(refused > 0);
      });
    }
  }
});

Deno.test("a trailing byte is refused in every image", async (t) => {
  const files = readFiles("v1-siblings-criu4");
  for (const [file, bytes] of files) {
    await t.step(file, () => assert.equal(countRefusals(files, file, [Uint8Array.of(...bytes, 0)]), 1));
  }
});

Deno.test("a missing image is refused, but for cgroup.img when no task has a set", () => {
  const files = readFiles("v1-siblings-criu4");
  for (const file of files.keys()) {
    const lacking = new Map(files);
    lacking.delete(file);
    assert.ok(refusal(lacking, file) !== undefined, file);
  }
});

Deno.test("bytes at random in the place of an image are an ImageError", () => {
  const files = readFiles("v2-criu4");
  let state = 1;
  const random = () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >>> 8 & 0xff;
  for (const [file, bytes] of files) {
    const header = bytes.subarray(0, file === "inventory.img" ? 4 : 8);
    const versions = Array.from({ length: 300 }, (_, length) => {
      const payload = Array.from({ length }, random);
      return Uint8Array.of(...header, length & 0xff, length >> 8, 0, 0, ...payload);
    });
    const refused = countRefusals(files, file, versions);
    assert.ok(refused >= 295, `${file}: ${refused}`);
  }
});
