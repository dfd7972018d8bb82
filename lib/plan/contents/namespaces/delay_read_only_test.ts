import { deepEqual } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { delayReadOnly, MS_RDONLY } from "./delay_read_only.ts";
import { MountPlaces } from "./mount_places.ts";
import type { MountStep } from "./mounts_plan.ts";

Deno.test("delayReadOnly() chooses the mounts in which files are made", () => {
  const mounts = [
    ROOT_MOUNT,
    aMount({ id: 2, mountPoint: "/a" }),
    aMount({ id: 3, mountPoint: "/a", parent: 2 }),
    aMount({ id: 4, mountPoint: "/a/b", parent: 3 }),
    aMount({ id: 5, mountPoint: "/writable" }),
  ];
  const steps = mounts.map(({ mountPoint, id }): MountStep => ({
    ...{ mountPoint, namespace: 0, at: "", source: { kind: "here", path: "/" }, followsHost: false },
    flags: id === 5 ? 0 : MS_RDONLY,
  }));
  const places = new MountPlaces(mounts, { external: [], takesDetected: false });
  const rows: readonly (readonly [paths: readonly string[], ids: readonly number[]])[] = [
    [[], []],
    [["/etc/gone"], [1]],
    [["/a/gone", "/a/dir/gone"], [3]],
    [["/a/b/gone", "/writable/gone"], [4]],
  ];
  for (const [paths, ids] of rows) {
    const plan = delayReadOnly({ steps, sharing: [] }, paths.flatMap((path) => places.mountAt(path) ?? []));
    deepEqual(mounts.filter((_, index) => plan.steps[index]?.becomesReadOnly === true).map(({ id }) => id), ids);
  }
});
