import assert from "node:assert/strict";
import type { ArchivedFile } from "./content_images.ts";
import { readArchive, readTar } from "./read_archive.ts";

/** Has tar(1) make an archive of a directory, as CRIU does, and reads it. */
function archive(fill: (directory: string) => void, name = "."): Uint8Array {
  const directory = Deno.makeTempDirSync();
  try {
    fill(directory);
    const args = ["--create", "--gzip", "--sparse", "--format=gnu", "--numeric-owner", "--directory", directory, name];
    return new Deno.Command("tar", { args }).outputSync().stdout;
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function filesOf(read: ArchivedFile[] | string): Map<string, ArchivedFile> {
  if (typeof read === "string") throw new Error(read);
  return new Map(read.map((file) => [file.path, file]));
}

function textOf({ parts }: ArchivedFile): string[] {
  return parts.map(({ position, bytes }) => `${position} ${new TextDecoder().decode(bytes).replace(/\0+$/, "")}`);
}

Deno.test("readArchive() reads what tar has made", async (t) => {
  const long = "n".repeat(120);
  const files = filesOf(readArchive(archive((directory) => {
    Deno.writeTextFileSync(`${directory}/file`, "text", { mode: 0o640 });
    Deno.linkSync(`${directory}/file`, `${directory}/zlink`);
    Deno.mkdirSync(`${directory}/dir`);
    Deno.symlinkSync(`../${long}`, `${directory}/dir/symbolic`);
    Deno.writeTextFileSync(`${directory}/dir/${long}`, "long");
    Deno.utimeSync(`${directory}/file`, 5, 7);
    const holes = Deno.openSync(`${directory}/holes`, { write: true, create: true });
    for (let part = 1; part <= 30; part++) {
      holes.seekSync(part * 65536, Deno.SeekMode.Start);
      holes.writeSync(new TextEncoder().encode(`part ${part}`));
    }
    holes.truncateSync(4_000_000);
    holes.close();
  })));
  await t.step("a file, and another name of it", () => {
    const [first, second] = ["file", "zlink"].map((path) => files.get(path)).sort((a) =>
      a?.sameAs === undefined ? -1 : 1
    );
    assert.deepEqual([first?.size, first?.mode, first?.changeTime], [4, 0o100640, 7]);
    assert.deepEqual(first && textOf(first), ["0 text"]);
    assert.deepEqual([second?.sameAs, second?.size, second?.parts], [first?.path, 4, []]);
  });
  await t.step("the directory itself, and others", () => {
    assert.equal((files.get("")?.mode ?? 0) & 0o170000, 0o040000);
    assert.equal((files.get("dir")?.mode ?? 0) & 0o170000, 0o040000);
  });
  await t.step("names that have no room", () => {
    assert.equal(files.get("dir/symbolic")?.target, `../${long}`);
    assert.equal(files.get(`dir/${long}`)?.size, 4);
  });
  await t.step("holes", () => {
    const holes = files.get("holes");
    assert.equal(holes?.size, 4_000_000);
    assert.deepEqual(
      holes && textOf(holes),
      Array.from({ length: 30 }, (_, part) => `${(part + 1) * 65536} part ${part + 1}`),
    );
  });
});

Deno.test("readTar() tells what is wrong", async (t) => {
  const block = new Uint8Array(512);
  block.set(new TextEncoder().encode("a/../b"));
  const withType = (type: string, { name = "a/../b", size = "0" } = {}) => {
    const header = new Uint8Array(512);
    header.set(new TextEncoder().encode(name));
    header.set(new TextEncoder().encode(size), 124);
    header.set(new TextEncoder().encode(type), 156);
    header.fill(0x20, 148, 156);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0"), 148);
    return header;
  };
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["a damaged header", block, "the header at offset 0 of the archive is damaged"],
    ["a name that leads back", withType("0"), "there is a name that leads back at offset 0 of the archive"],
    ["an unknown type", withType("x"), 'there is an entry of the unknown type "x" at offset 0 of the archive'],
    ["too little", withType("0", { size: "7" }), "7 bytes are to follow at offset 0 of the archive, but 0 are left"],
    [
      "a file behind a symbolic link",
      new Uint8Array([...withType("2", { name: "a" }), ...withType("0", { name: "a/b" })]),
      "there is a file in what is no directory at offset 512 of the archive",
    ],
    [
      "a file twice",
      new Uint8Array([...withType("0", { name: "a" }), ...withType("5", { name: "a" })]),
      "there is a file once more at offset 512 of the archive",
    ],
    [
      "a link to what is not there",
      withType("1", { name: "a" }),
      "there is a link to a file that comes later at offset 0 of the archive",
    ],
  ];
  for (const [name, bytes, want] of rows) await t.step(name, () => assert.equal(readTar(bytes), want));
  await t.step("nothing is fine", () => assert.deepEqual(readTar(new Uint8Array(1024)), []));
});
