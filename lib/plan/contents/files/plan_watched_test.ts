import { deepEqual as assertEquals } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { DIRECTORY, plannerOf, problemsOf, REGULAR } from "../../../../tests/support/plan_files.ts";
import type { HostFile } from "../../../host/host.ts";
import type { WatchTarget } from "../../../model/files/notify_files.ts";
import type { Mount } from "../../../model/mounts.ts";
import { MountPlaces } from "../namespaces/mount_places.ts";
import { planWatched } from "./plan_watched.ts";

const HANDLE: WatchTarget = { kind: "handle", device: 1, type: 1, bytes: new Uint8Array([1, 2]) };

function plan(target: WatchTarget, { mounts, files = {} }: {
  readonly mounts: readonly Mount[];
  readonly files?: Readonly<Record<string, HostFile>>;
}) {
  const places = new MountPlaces(mounts, { external: [], takesDetected: false });
  const planner = plannerOf([], { host: files, options: { places } });
  const watched = planWatched(planner, target, "task 77");
  const [opened] = planner.late;
  const mount = opened?.kind === "open-by-handle" ? [opened.mount, opened.mountNamespace] : undefined;
  return { watched, mount, problems: problemsOf(planner) };
}

Deno.test("planWatched() finds a directory on the device of a handle", async (t) => {
  const part = { ...ROOT_MOUNT, root: "/srv/root" };
  const file = aMount({ id: 2, mountPoint: "/hosts", device: 1, type: "", root: "/hosts" });
  const files = { "source of mount 1": DIRECTORY, "source of mount 2": REGULAR };
  await t.step("also where it shows a part, and no file", () => {
    const { mount, problems } = plan(HANDLE, { mounts: [part, file], files });
    assertEquals([mount, problems], [["/", undefined], []]);
  });
  await t.step("in another mount namespace", () => {
    const nested = aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" });
    const { mount, problems } = plan(HANDLE, { mounts: [{ ...part, device: 2 }, nested], files });
    assertEquals([mount, problems], [["/", 1], []]);
  });
  await t.step("or tells that there is none", () => {
    const { watched, problems } = plan(HANDLE, { mounts: [{ ...part, device: 2 }, file], files });
    assertEquals(watched, undefined);
    assertEquals(problems, ["task 77: it watches a file on device 0:1, which is not mounted here"]);
  });
});

Deno.test("planWatched() looks for a path in the mount namespace of its mount", () => {
  const mounts = [ROOT_MOUNT, aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" })];
  const files = { "mnt namespace 2: /a": REGULAR };
  const target = (mount: number): WatchTarget => ({ kind: "path", path: "/a", mount });
  assertEquals(plan(target(10), { mounts, files }).watched, { target: "/a", mountNamespace: 1 });
  assertEquals(plan(target(1), { mounts, files }).problems, ['task 77: it watches "/a", which is not here']);
});
