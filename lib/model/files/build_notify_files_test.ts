import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../../errors.ts";
import type { FanotifyFileEntry, FhEntry, InotifyFileEntry, InotifyWdEntry } from "../../gen/notify.ts";
import type { ContentImages, GhostImage } from "../../image/content_images.ts";
import { Words } from "../../wire/words.ts";
import { buildFanotifyFile, buildInotifyFile } from "./build_notify_files.ts";
import type { WatchTarget } from "./notify_files.ts";

const FOWN = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };
const DISK = 0xfe00000;
const GHOST = { entry: { dev: DISK, ino: 0x1_0000_0007n } } as GhostImage;

function context(problems: Problem[] = []) {
  const mounts = [{ mntId: 8, mountpoint: "/" }, { mntId: 9, mountpoint: "/m" }];
  const images = { ghosts: new Map([[9, GHOST]]), namespaces: { mnt: [{ mounts }] } } as unknown as ContentImages;
  return { images, networks: [], problems, where: "files.img, entry 0" };
}

function handleOf(changes: Partial<FhEntry> = {}): FhEntry {
  return { bytes: 3, type: 1, handle: new Words([0x04030201, 0]), path: undefined, mntId: undefined, ...changes };
}

function watchOf(wd: number, changes: Partial<InotifyWdEntry> = {}): InotifyWdEntry {
  return { id: 1, iIno: 5n, mask: 2, ignoredMask: 0, sDev: DISK, wd, fHandle: handleOf(), ...changes };
}

function inotifyOf(wd: readonly InotifyWdEntry[]): InotifyFileEntry {
  return { id: 1, flags: 0, fown: FOWN, wd };
}

const TARGETS: readonly [name: string, watch: Partial<InotifyWdEntry>, target: WatchTarget][] = [
  ["its path", { fHandle: handleOf({ path: "/a" }) }, { kind: "path", path: "/a" }],
  ["a path without its first slash", { fHandle: handleOf({ path: "a/b" }) }, { kind: "path", path: "/a/b" }],
  ["its handle", {}, { kind: "handle", device: DISK, type: 1, bytes: new Uint8Array([1, 2, 3]) }],
  ["what is left of it", { iIno: 7n }, { kind: "ghost", ghost: 9 }],
  [
    "what is left of it, whatever its path was",
    { iIno: 7n, fHandle: handleOf({ path: "/a" }) },
    { kind: "ghost", ghost: 9 },
  ],
  ["its path, on another device", { iIno: 7n, sDev: 1, fHandle: handleOf({ path: "/a" }) }, {
    kind: "path",
    path: "/a",
  }],
];

Deno.test("buildInotifyFile() finds a file by", async (t) => {
  for (const [name, changes, target] of TARGETS) {
    await t.step(name, () => {
      const { watches } = buildInotifyFile(1, inotifyOf([watchOf(1, changes)]), context());
      assertEquals(watches.map((watch) => watch.target), [target]);
    });
  }
});

Deno.test("buildInotifyFile() orders watches by number, without bits of the kernel's own", () => {
  const entries = [watchOf(5, { mask: 0x8800_0fff }), watchOf(2, { mask: 0x0400_2002 })];
  const { watches } = buildInotifyFile(1, inotifyOf(entries), context());
  assertEquals(watches.map(({ number, mask }) => [number, mask]), [[2, 0x0400_0002], [5, 0x8000_0fff]]);
});

Deno.test("buildInotifyFile() tells a number that occurs twice", () => {
  const problems: Problem[] = [];
  buildInotifyFile(1, inotifyOf([watchOf(5), watchOf(5)]), context(problems));
  assertEquals(problems, [{ where: "files.img, entry 0", what: "watch 5 occurs more than once" }]);
});

Deno.test("buildFanotifyFile() takes marks of files and mounts, and tells others", () => {
  const problems: Problem[] = [];
  const mark = { id: 1, mflags: 64, mask: 2, ignoredMask: 1, sDev: DISK, ie: undefined, me: undefined };
  const entry: FanotifyFileEntry = {
    ...{ id: 1, flags: 2, fown: FOWN, faflags: 16, evflags: 0 },
    mark: [
      { ...mark, type: 1, ie: { iIno: 5n, fHandle: handleOf({ path: "/a" }) } },
      { ...mark, type: 2, me: { mntId: 3, path: "dev/shm" } },
      { ...mark, type: 2, me: { mntId: 9, path: undefined } },
      { ...mark, type: 2, me: { mntId: 10, path: undefined } },
      { ...mark, type: 3 },
    ],
  };
  const { marks } = buildFanotifyFile(1, entry, context(problems));
  const common = { flags: 64, mask: 2, ignoredMask: 1 };
  assertEquals(marks, [
    { ...common, target: { kind: "path", path: "/a" } },
    { ...common, target: { kind: "mount", path: "/dev/shm", mount: 3 } },
    { ...common, target: { kind: "mount", path: "/m", mount: 9 } },
  ]);
  const whats = [2, 3].map((type) => `a mark of type ${type} says neither what file nor what mount it is on`);
  assertEquals(problems, whats.map((what) => ({ where: "files.img, entry 0", what })));
});
