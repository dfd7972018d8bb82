import assert from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { DIRECTORY, REGULAR } from "../../../../tests/support/plan_files.ts";
import type { HostFile } from "../../../host/host.ts";
import type { Mount } from "../../../model/mounts.ts";
import { MountPlaces } from "./mount_places.ts";
import { layerKey, layerPaths, overlaidFile } from "./overlaid_files.ts";

const WHITEOUT: HostFile = { mode: 0o020000, size: 0, device: 0 };
const FILE = { uid: 0, gid: 0, changeTime: 0, size: 7, parts: [], device: 0 };

function anOverlay(part: Partial<Mount> & Pick<Mount, "id" | "mountPoint">): Mount {
  return aMount({ type: "overlay", options: "lowerdir=/low,upperdir=/up,workdir=/work", ...part });
}

function placesOf(...mounts: readonly Mount[]): MountPlaces {
  return new MountPlaces([ROOT_MOUNT, ...mounts], { external: [], takesDetected: false });
}

Deno.test("layerPaths() asks each layer for what is on the way", () => {
  const places = placesOf(
    anOverlay({ id: 2, mountPoint: "/m" }),
    anOverlay({ id: 3, mountPoint: "/part", device: 102, root: "/a" }),
    anOverlay({ id: 4, mountPoint: "/n", options: "lowerdir=/m/x:/more" }),
  );
  const ask = (path: string) => (
    layerPaths(places, path, 0).map(({ hostPath, isLast }) => `${hostPath}${isLast ? "" : " on the way"}`)
  );
  assert.deepEqual(ask("/elsewhere"), []);
  assert.deepEqual(ask("/part/b"), [
    ...["/up on the way", "/up/a on the way", "/up/a/b"],
    ...["/low on the way", "/low/a on the way", "/low/a/b"],
  ]);
  assert.deepEqual(ask("/n"), [
    ...["/up on the way", "/up/x", "/low on the way", "/low/x", "/more"],
  ]);
});

Deno.test("overlaidFile() finds what an overlay shows", async (t) => {
  const tree = [
    { ...FILE, path: "", mode: 0o040755 },
    { ...FILE, path: "d", mode: 0o040755 },
    { ...FILE, path: "d/file", mode: 0o100600 },
  ];
  const mounts = [
    aMount({ id: 5, mountPoint: "/t", tree }),
    anOverlay({ id: 2, mountPoint: "/m", options: "lowerdir=/low:/t/d,upperdir=/up,workdir=/work" }),
    anOverlay({ id: 3, mountPoint: "/on", options: "lowerdir=/m/x" }),
    aMount({ id: 6, mountPoint: "/proc", type: "proc" }),
    anOverlay({ id: 7, mountPoint: "/p", options: "lowerdir=/proc/sys" }),
  ];
  const rows: readonly {
    readonly name: string;
    readonly path: string;
    readonly here?: Readonly<Record<string, HostFile>>;
    readonly want: "nothing" | "unknown" | number | undefined;
  }[] = [
    { name: "no overlay", path: "/low/a", want: undefined },
    { name: "the upper one before the lower", path: "/m/a", here: { "/up/a": DIRECTORY, "/low/a": REGULAR }, want: 4 },
    { name: "a lower one", path: "/m/a", here: { "/low/a": REGULAR }, want: 8 },
    { name: "one of a tmpfs", path: "/m/file", want: 8 },
    { name: "its root", path: "/m", want: 4 },
    { name: "what was removed", path: "/m/a", here: { "/up/a": WHITEOUT, "/low/a": REGULAR }, want: "nothing" },
    {
      name: "what is in what was removed",
      path: "/m/x/a",
      here: { "/up/x": WHITEOUT, "/low/x": DIRECTORY, "/low/x/a": REGULAR },
      want: "nothing",
    },
    {
      name: "what a file hides",
      path: "/m/x/a",
      here: { "/up/x": REGULAR, "/low/x": DIRECTORY, "/low/x/a": REGULAR },
      want: "nothing",
    },
    { name: "nothing", path: "/m/a", want: "nothing" },
    { name: "what may have been renamed", path: "/m/x/a", here: { "/up/x": DIRECTORY }, want: "unknown" },
    { name: "what is on another one", path: "/on/a", here: { "/low/x": DIRECTORY, "/low/x/a": REGULAR }, want: 8 },
    { name: "what only the kernel knows", path: "/p/kernel", want: "unknown" },
  ];
  for (const { name, path, here = {}, want } of rows) {
    await t.step(name, () => {
      const there = { "/up": DIRECTORY, "/low": DIRECTORY, ...here };
      const files = new Map(Object.entries(there).map(([path, file]) => [layerKey(path), file]));
      const found = overlaidFile(placesOf(...mounts), files, { path, namespace: 0 });
      assert.equal(typeof found === "object" ? found.mode >> 12 : found, want);
    });
  }
});
