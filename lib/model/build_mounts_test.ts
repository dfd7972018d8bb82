import assert from "node:assert/strict";
import type { Problem } from "../errors.ts";
import type { MntEntry } from "../gen/mnt.ts";
import { buildMounts } from "./build_mounts.ts";
import type { Mount } from "./mounts.ts";

const MS_PRIVATE = 1 << 18;
const MS_RELATIME = 1 << 21;

function entry(mntId: number, part: Partial<MntEntry> = {}): MntEntry {
  return {
    ...{
      fstype: 5,
      mntId,
      rootDev: mntId,
      parentMntId: 1,
      flags: 2 | MS_RELATIME | MS_PRIVATE,
      root: "/",
      source: "none",
    },
    ...{ mountpoint: mntId === 1 ? "/" : `/${mntId}`, options: "", sharedId: 0, masterId: 0, sbFlags: 0 },
    ...{ withPlugin: undefined, extMount: undefined, fsname: undefined, internalSharing: undefined },
    ...{ deleted: undefined, extKey: undefined },
    ...part,
  };
}

const ROOT = entry(1, { parentMntId: 0, fstype: 0 });

function build(...mounts: readonly MntEntry[]): { readonly mounts: readonly Mount[]; readonly problems: string[] } {
  const problems: Problem[] = [];
  const built = buildMounts([{ number: 9, mounts, trees: new Map() }], problems);
  return { mounts: built, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("buildMounts() has parents before the mounts on them", () => {
  const { mounts, problems } = build(entry(3, { parentMntId: 2 }), entry(4), entry(2), ROOT);
  assert.deepEqual(problems, []);
  assert.deepEqual(mounts.map(({ id }) => id), [1, 4, 2, 3]);
});

Deno.test("buildMounts() numbers namespaces, whose mounts all have ids of their own", () => {
  const problems: Problem[] = [];
  const images = (number: number, ...mounts: readonly MntEntry[]) => ({ number, mounts, trees: new Map() });
  const root = entry(11, { parentMntId: 0, fstype: 0, mountpoint: "/" });
  const built = buildMounts([images(9, ROOT, entry(2)), images(10, entry(12, { parentMntId: 11 }), root)], problems);
  assert.deepEqual(built.map(({ id, namespace, parent }) => [id, namespace, parent]), [
    [1, 0, undefined],
    [2, 0, 1],
    [11, 1, undefined],
    [12, 1, 11],
  ]);
  assert.deepEqual(problems, []);
  buildMounts([images(9, ROOT), images(10, ROOT)], problems);
  assert.deepEqual(problems, [{ where: "mountpoints-10.img, mount 1", what: "its id occurs more than once" }]);
});

Deno.test("buildMounts() builds what a mount has", async (t) => {
  const rows: readonly (readonly [string, Partial<MntEntry>, Partial<Mount>])[] = [
    ["flags", {}, { flags: 2 | MS_RELATIME, superFlags: 0, type: "tmpfs", isUnbindable: false }],
    ["flags of old images", { flags: 1 | 2 | 8, sbFlags: undefined }, { flags: 2 | 8, superFlags: 1 }],
    ["groups", { sharedId: 5, masterId: 6, flags: 1 << 17 }, { peers: 5, master: 6, isUnbindable: true, flags: 0 }],
    ["a type by its name", { fstype: 16, fsname: "xfs" }, { type: "xfs" }],
    ["an external one", { extKey: "key", root: "anything" }, { external: "key" }],
    ["an external one of old images", { extMount: true, root: "key" }, { external: "key", root: "/" }],
  ];
  for (const [name, part, want] of rows) {
    await t.step(name, () => {
      const { mounts, problems } = build(ROOT, entry(2, part));
      const found: Readonly<Record<string, unknown>> = { ...mounts[1] };
      assert.deepEqual(problems, []);
      assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, found[key]])), want);
    });
  }
});

Deno.test("buildMounts() finds what cannot be", async (t) => {
  const leadsBack = 'the path "/a/../b" is not absolute, or has steps that lead back';
  const rows: readonly (readonly [string, readonly MntEntry[], string])[] = [
    ["no root", [entry(2)], 'mountpoints-9.img: it has 1 mounts that are on no other one, and "/" has to be the only'],
    ["an id twice", [ROOT, entry(2), entry(2)], "mountpoints-9.img, mount 2: its id occurs more than once"],
    ["a way back", [ROOT, entry(2, { mountpoint: "/a/../b" })], `mountpoints-9.img, mount 2: ${leadsBack}`],
    ["a way back in what is shown", [ROOT, entry(2, { root: "/a/../b" })], `mountpoints-9.img, mount 2: ${leadsBack}`],
    ["a NUL", [ROOT, entry(2, { root: "/\0" })], 'mountpoints-9.img, mount 2: the path "/\\u0000" cannot be one'],
    [
      "mounts on each other",
      [ROOT, entry(2, { parentMntId: 3 }), entry(3, { parentMntId: 2 })],
      "mountpoints-9.img: some mounts are on each other",
    ],
  ];
  for (const [name, mounts, want] of rows) {
    await t.step(name, () => assert.ok(build(...mounts).problems.includes(want)));
  }
});
