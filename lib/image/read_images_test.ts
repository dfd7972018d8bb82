import assert from "node:assert/strict";
import { ImageError } from "../errors.ts";
import { encodeImages, frameEntries, type ImagesDescription } from "../../tests/support/build_images.ts";
import { DenoFilesSys } from "../../tests/support/deno_files_sys.ts";
import type { Images } from "./images.ts";
import { COMMON_MAGIC, magicsOf } from "./magic.ts";
import { readImages } from "./read_images.ts";

const TREE: ImagesDescription = {
  tasks: [{ pid: 10, set: 2, threads: [12] }, { pid: 11, state: "zombie", threads: [77, 0] }],
  sets: [{ id: 2, members: { "": "/a" } }],
};

/** Changes to the files of a description: new bytes, or `null` for none. */
type Changes = Record<string, Uint8Array | null>;

function readChanged(changes: Changes, description = TREE): Images {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-images-" });
  const files = new DenoFilesSys();
  try {
    for (const [name, bytes] of [...encodeImages(description), ...Object.entries(changes)]) {
      if (bytes === null) Deno.removeSync(`${directory}/${name}`);
      else Deno.writeFileSync(`${directory}/${name}`, bytes);
    }
    return readImages(files.sys, directory, { contents: false });
  } finally {
    assert.deepEqual(files.left, []);
    Deno.removeSync(directory, { recursive: true });
  }
}

function problemsOf(changes: Changes, description = TREE): string[] {
  try {
    readChanged(changes, description);
  } catch (error) {
    assert.ok(error instanceof ImageError, String(error));
    return error.problems.map(({ where, what }) => `${where}: ${what}`);
  }
  return [];
}

Deno.test("readImages() reads all threads of live tasks, and only the leader of a zombie", async (t) => {
  for (const imgVersion of [1, 2]) {
    await t.step(`version ${imgVersion}`, () => {
      const images = readChanged({}, { ...TREE, imgVersion });
      assert.deepEqual([...images.cores.keys()], [10, 12, 11]);
      assert.deepEqual([...images.ids.keys()], [10]);
      assert.equal(images.cgroup?.sets.length, 1);
    });
  }
});

Deno.test("readImages() takes the ids from the core when there is no file for them", () => {
  const images = readChanged({}, { tasks: [{ pid: 10, idsInCore: true, ids: { net: 99 } }] });
  assert.equal(images.ids.get(10)?.netNsId, 99);
});

Deno.test("readImages() reads what makes the root task's pid namespace external", () => {
  assert.equal(readChanged({}).pidns, undefined);
  assert.equal(readChanged({}, { ...TREE, externalPids: "outer" }).pidns?.extKey, "outer");
});

Deno.test("readImages() is content without cgroups", async (t) => {
  const rows: { name: string; bytes: Uint8Array | null; sets?: number }[] = [
    { name: "no file", bytes: null },
    { name: "empty file", bytes: new Uint8Array(0) },
    { name: "only the magic", bytes: frameEntries(magicsOf("cgroup", 2), []) },
    { name: "no sets", bytes: frameEntries(magicsOf("cgroup", 2), [new Uint8Array(0)]), sets: 0 },
  ];
  for (const { name, bytes, sets } of rows) {
    await t.step(name, () => assert.equal(readChanged({ "cgroup.img": bytes }).cgroup?.sets.length, sets));
  }
});

Deno.test("readImages() tells of damaged files", async (t) => {
  const rows: { name: string; changes: Changes; want: RegExp[]; description?: ImagesDescription }[] = [
    { name: "no inventory", changes: { "inventory.img": null }, want: [/^inventory\.img: there is no such file$/] },
    { name: "empty inventory", changes: { "inventory.img": new Uint8Array(0) }, want: [/^inventory.img: .* empty$/] },
    { name: "no pstree", changes: { "pstree.img": null }, want: [/^pstree\.img: there is no such file$/] },
    { name: "no core", changes: { "core-12.img": null }, want: [/^core-12\.img: there is no such file$/] },
    { name: "no ids", changes: { "ids-10.img": null }, want: [/^ids-10\.img: there is no such file$/] },
    { name: "empty ids", changes: { "ids-10.img": new Uint8Array(0) }, want: [/^ids-10\.img: the file is empty$/] },
    {
      name: "wrong second magic of a cgroup.img with nothing else",
      changes: { "cgroup.img": frameEntries([COMMON_MAGIC, 1], []) },
      want: [/^cgroup\.img, offset 4: the magic is 0x00000001, 0x59383330 is needed$/],
    },
    {
      name: "several files, told together",
      changes: { "core-10.img": new Uint8Array(3), "core-11.img": null, "cgroup.img": new Uint8Array(1) },
      want: [/^cgroup\.img, offset 0: /, /^core-10\.img, offset 0: /, /^core-11\.img: /],
    },
    {
      name: "an unknown version",
      changes: {},
      description: { ...TREE, imgVersion: 3 },
      want: [/^inventory\.img, entry 0: image version 3 is unknown/],
    },
  ];
  for (const { name, changes, want, description } of rows) {
    await t.step(name, () => {
      const got = problemsOf(changes, description ?? TREE);
      assert.equal(got.length, want.length, got.join("\n"));
      want.forEach((pattern, index) => assert.match(got[index] ?? "", pattern));
    });
  }
});

Deno.test("readImages() refuses a directory in the place of a file", () => {
  const directory = Deno.makeTempDirSync({ prefix: "cgr-images-" });
  try {
    Deno.mkdirSync(`${directory}/inventory.img`);
    assert.throws(() => readImages(new DenoFilesSys().sys, directory, { contents: false }), (error) => {
      assert.ok(error instanceof ImageError);
      assert.match(error.problems[0]?.what ?? "", /^the file is not readable: .*EISDIR$/);
      return true;
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("readImages() ends early when a list of threads is garbage", () => {
  const threads = Array.from({ length: 1200 }, (_, index) => 100 + index);
  const absent = Object.fromEntries(threads.map((tid) => [`core-${tid}.img`, null]));
  const got = problemsOf(absent, { tasks: [{ pid: 10, threads }] });
  assert.ok(got.length <= 1002, String(got.length));
  assert.ok(got.some((line) => line.includes("reading ended after 1000 problems")));
});
