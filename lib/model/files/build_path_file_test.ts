import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { Problem } from "../../errors.ts";
import type { FileEntry } from "../../gen/files.ts";
import type { RegFileEntry } from "../../gen/regfile.ts";
import type { GhostFileEntry, RemapFilePathEntry } from "../../gen/remap.ts";
import type { ContentImages, GhostImage } from "../../image/content_images.ts";
import { buildPathFile } from "./build_path_file.ts";
import type { GhostFile, PathFile } from "./path_file.ts";

const OWNER = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };

function regular(part: Partial<RegFileEntry> = {}): RegFileEntry {
  const nothing = { mntId: undefined, size: undefined, ext: undefined, mode: undefined };
  const noChecksum = { checksum: undefined, checksumConfig: undefined, checksumParameter: undefined };
  return { id: 1, flags: 0, pos: 0n, fown: OWNER, name: "/file", buildId: [], ...nothing, ...noChecksum, ...part };
}

interface Build {
  readonly remap?: RemapFilePathEntry;
  readonly files?: readonly Partial<FileEntry>[];
  readonly ghosts?: readonly (readonly [number, GhostImage])[];
}

function build(entry: RegFileEntry, { remap, files = [], ghosts = [] }: Build = {}): [PathFile, string[]] {
  const problems: Problem[] = [];
  const images = { remaps: remap === undefined ? [] : [remap], files, ghosts: new Map(ghosts) };
  const file = buildPathFile(1, entry, {
    images: images as Partial<ContentImages> as ContentImages,
    problems,
    networks: [],
    where: "files.img, entry 0",
  });
  return [file, problems.map(({ where, what }) => `${where}: ${what}`)];
}

Deno.test("buildPathFile() knows how CRIU writes names", async (t) => {
  const rows: readonly [name: string, path: string][] = [
    ["/a/b", "/a/b"],
    ["a/b", "/a/b"],
    ["/", "/"],
    ["", "/"],
    ["/proc/7/", "/proc/7"],
    ["/with\nnewline/", "/with\nnewline"],
  ];
  for (const [name, path] of rows) {
    await t.step(JSON.stringify(name), () => {
      const [file, problems] = build(regular({ name }));
      assertEqual(file.path, path);
      assertEquals(problems, []);
    });
  }
});

Deno.test("buildPathFile() keeps the key of an external file", () => {
  const [file] = build(regular({ name: "file[1c:2a]", ext: true }));
  assertEquals([file.path, file.isExternal], ["file[1c:2a]", true]);
});

Deno.test("buildPathFile() refuses names that the kernel does not take", () => {
  assertEquals(build(regular({ name: "/a\0b" }))[1], ['files.img, entry 0: the path "/a\\u0000b" has a NUL']);
  const long = `/${"\u00e4".repeat(2048)}`;
  const what = "a path has 4097 bytes, and the kernel takes 4095 at most";
  assertEquals(build(regular({ name: long }))[1], [`files.img, entry 0: ${what}`]);
  assertEquals(build(regular({ name: `/${"a".repeat(4094)}` }))[1], []);
});

Deno.test("buildPathFile() takes over what the image says", () => {
  const [file] = build(regular({ size: 0, mode: 0o100644, buildId: [0x04030201], mntId: -1, pos: 2n ** 62n }));
  assertEquals(file, {
    ...{ kind: "path", id: 1, flags: 0, path: "/file", isExternal: false, position: 2n ** 62n },
    ...{ size: 0, mode: 0o100644, buildId: "01020304" },
  });
  assertEqual("position" in build(regular({ pos: 2n ** 64n - 1n }))[0], false);
});

Deno.test("buildPathFile() finds out what has become of a name", async (t) => {
  const image: GhostImage = {
    entry: ghost({ atim: { tvSec: 1, tvUsec: 2 }, mtim: { tvSec: 3, tvUsec: 4 } }),
    path: "/images/ghost-file-9.img",
    parts: [{ position: 0, offset: 30, length: 7 }],
  };
  const built: GhostFile = {
    ...{ id: 9, uid: 1, gid: 2, mode: 0o100600, device: 0, size: 7, accessTime: [1, 2], changeTime: [3, 4] },
    content: { path: image.path, parts: image.parts },
  };
  const link = { id: 4, reg: regular({ id: 4, name: "/link_remap.4" }) };
  const rows: readonly [string, Build, PathFile["remap"] | string | undefined][] = [
    ["a ghost", { remap: remapped(1, 9), ghosts: [[9, image]] }, { kind: "ghost", ghost: built }],
    ["a ghost that could not be read", { remap: remapped(1, 9) }, undefined],
    ["a link", { remap: remapped(0, 4), files: [link] }, { kind: "linked", path: "/link_remap.4" }],
    ["no link", { remap: remapped(0, 4) }, "it is linked to file 4, which is not in files.img"],
    ["a task that has ended", { remap: remapped(2, 77) }, { kind: "dead-task", pid: 77 }],
    ["an unknown way", { remap: remapped(4, 1) }, "it is remapped in the unknown way 4"],
    [
      "a symbolic link without a target",
      { remap: remapped(1, 9), ghosts: [[9, { ...image, entry: ghost({ mode: 0o120777 }) }]] },
      "it is the symbolic link of ghost 9, whose image does not say where it leads to",
    ],
  ];
  for (const [name, how, wanted] of rows) {
    await t.step(name, () => {
      const [file, problems] = build(regular(), how);
      if (typeof wanted === "string") assertEquals(problems, [`files.img, entry 0: ${wanted}`]);
      else assertEquals([file.remap, problems], [wanted, []]);
    });
  }
});

Deno.test("buildPathFile() takes the size of a ghost with holes from its entry", () => {
  const entry = ghost({ size: 9000, chunks: true });
  const [file] = build(regular(), { remap: remapped(1, 9), ghosts: [[9, { entry, path: "", parts: [] }]] });
  assertEqual(file.remap?.kind === "ghost" && file.remap.ghost.size, 9000);
});

function remapped(remapType: number, remapId: number): RemapFilePathEntry {
  return { origId: 1, remapId, remapType };
}

function ghost(part: Partial<GhostFileEntry> = {}): GhostFileEntry {
  const nothing = { dev: undefined, ino: undefined, rdev: undefined, atim: undefined, mtim: undefined };
  return {
    ...{ uid: 1, gid: 2, mode: 0o100600, ...nothing },
    ...{ chunks: undefined, size: undefined, symlnkTarget: undefined, ...part },
  };
}
