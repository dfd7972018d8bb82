import assert from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { DETECTED, type Mount } from "../../../model/mounts.ts";
import type { MountOptions } from "../../plan.ts";
import { MountPlaces } from "./mount_places.ts";

const NONE: MountOptions = { external: [], takesDetected: false };

function placesOf(mounts: readonly Mount[], options: Partial<MountOptions> = {}): MountPlaces {
  return new MountPlaces([ROOT_MOUNT, ...mounts], { ...NONE, ...options });
}

Deno.test("MountPlaces finds out where this host has a path", async (t) => {
  const part = aMount({ id: 3, mountPoint: "/part", device: 1, type: "", root: "/usr/lib" });
  const outside = aMount({ id: 4, mountPoint: "/data", external: "data", root: "/x/y" });
  const found = aMount({ id: 5, mountPoint: "/found", external: DETECTED, source: "/srv/found" });
  const mounts = [
    aMount({ id: 2, mountPoint: "/t" }),
    part,
    outside,
    found,
    aMount({ id: 6, mountPoint: "/data/t", parent: 4 }),
    aMount({ id: 7, mountPoint: "/deep", device: 104, root: "/x/y/z", type: "" }),
    aMount({ id: 8, mountPoint: "/dev", type: "devtmpfs" }),
  ];
  const options = { root: "/srv/root", external: [{ key: "data", path: "/srv/data" }], takesDetected: true };
  const places = placesOf(mounts, options);
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["/", "/srv/root"],
    ["/etc/hosts", "/srv/root/etc/hosts"],
    ["/t", undefined],
    ["/t/file", undefined],
    ["/tt", "/srv/root/tt"],
    ["/part/libc", "/srv/root/usr/lib/libc"],
    ["/data", "/srv/data"],
    ["/data/a/b", "/srv/data/a/b"],
    ["/data/t/a", undefined],
    ["/found/a", "/srv/found/a"],
    ["/deep/a", "/srv/data/z/a"],
    ["/dev/null", "/dev/null"],
  ];
  for (const [path, want] of rows) await t.step(path, () => assert.equal(places.hostPath(path), want));
  await t.step("the root of this host", () => assert.equal(placesOf(mounts).hostPath("/etc/hosts"), "/etc/hosts"));
  await t.step("what nobody provides is nowhere", () => {
    assert.deepEqual([outside, found].map((mount) => placesOf(mounts).placeOf(mount)), [undefined, undefined]);
  });
  await t.step("what shows a device", () => {
    const points = (device: number) => places.mountsOf(device).map(({ mountPoint }) => mountPoint);
    assert.deepEqual([1, 102, 77].map(points), [["/", "/part"], ["/t"], []]);
  });
});

Deno.test("MountPlaces knows what covers what", async (t) => {
  const places = placesOf([
    aMount({ id: 2, mountPoint: "/a" }),
    aMount({ id: 3, mountPoint: "/a/b", parent: 2 }),
    aMount({ id: 4, mountPoint: "/a", parent: 2 }),
    aMount({ id: 5, mountPoint: "/a/c", parent: 4 }),
  ]);
  const rows: readonly (readonly [string, number])[] = [["/a", 4], ["/a/b", 4], ["/a/c/d", 5], ["/b", 1]];
  for (const [path, want] of rows) await t.step(path, () => assert.equal(places.mountAt(path)?.id, want));
  await t.step("a file below another mount", () => {
    const covering = (path: string, mount?: number) => (
      places.coveringMount({ path, ...mount === undefined ? {} : { mount } })?.id
    );
    assert.deepEqual(
      [covering("/a/b/file", 3), covering("/a/c/file", 5), covering("/a/b/file"), covering("/a/b/file", 99)],
      [4, undefined, undefined, undefined],
    );
  });
});

Deno.test("MountPlaces knows the files of what is made", () => {
  const file = { uid: 0, gid: 0, changeTime: 0, parts: [], device: 0 };
  const tree = [
    { ...file, path: "", mode: 0o040755, size: 0 },
    { ...file, path: "sub", mode: 0o040700, size: 0 },
    { ...file, path: "sub/file", mode: 0o100600, size: 5 },
  ];
  const places = placesOf([
    aMount({ id: 2, mountPoint: "/t", tree }),
    aMount({ id: 3, mountPoint: "/part", device: 102, root: "/sub", tree }),
    aMount({ id: 4, mountPoint: "/proc", type: "proc" }),
  ]);
  const found = [...places.madeFiles()].map(([path, { mode, size }]) => `${path} ${mode.toString(8)} ${size}`);
  assert.deepEqual(found, [
    ...["/t 40755 0", "/t/sub 40700 0", "/t/sub/file 100600 5"],
    ...["/part 40700 0", "/part/file 100600 5"],
    "/proc 40000 0",
  ]);
  assert.deepEqual(["/t/a", "/proc/1/stat", "/etc"].map((path) => places.isUnseen(path)), [false, true, false]);
});

Deno.test("MountPlaces tells namespaces apart", async (t) => {
  const mounts = [
    aMount({ id: 2, mountPoint: "/t" }),
    aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
    aMount({ id: 11, mountPoint: "/t", namespace: 1, parent: 10, device: 1, type: "", root: "/private" }),
    aMount({ id: 12, mountPoint: "/u", namespace: 1, parent: 10 }),
    aMount({ id: 13, mountPoint: "/v", namespace: 1, parent: 10, device: 102, root: "/sub" }),
    aMount({ id: 20, mountPoint: "/", namespace: 2, device: 120 }),
  ];
  const places = placesOf(mounts, { root: "/srv/root" });
  const rows: readonly (readonly [string, number, number, string | undefined])[] = [
    ["/t/file", 0, 2, undefined],
    ["/t/file", 1, 11, "/srv/root/private/file"],
    ["/etc", 1, 10, "/srv/root/etc"],
    ["/u", 0, 1, "/srv/root/u"],
    ["/u", 1, 12, undefined],
    ["/u", 2, 20, undefined],
  ];
  for (const [path, namespace, mount, here] of rows) {
    await t.step(`${path} in ${namespace}`, () => {
      assert.equal(places.mountAt(path, namespace)?.id, mount);
      assert.equal(places.hostPath(path, namespace), here);
    });
  }
  await t.step("what mounts are made of", () => {
    assert.deepEqual(mounts.map((mount) => places.baseOf(mount)?.id), [undefined, 1, 1, undefined, 2, undefined]);
  });
  await t.step("what covers a file", () => {
    const cover = (path: string, mount: number) => places.coveringMount({ path, mount })?.id;
    assert.deepEqual([cover("/t/file", 11), cover("/t/file", 10), cover("/u/file", 1)], [undefined, 11, undefined]);
  });
  await t.step("what will be there", () => {
    const names = ["/t", "mnt namespace 2: /u", "mnt namespace 2: /v", "mnt namespace 3: /"];
    assert.deepEqual([...places.madeFiles().keys()].filter((name) => !name.endsWith("//")), names);
  });
});
