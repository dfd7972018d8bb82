import { deepEqual as assertEquals } from "node:assert/strict";
import type { HostFile } from "../../../host/host.ts";
import type { WatchTarget } from "../../../model/files/notify_files.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import { planSmallTree } from "../../../../tests/support/small_contents.ts";

const HERE: HostFile = { mode: 0o100644, size: 0, device: 0 };
const DISK = 254 * 2 ** 20;
const HANDLE: WatchTarget = { kind: "handle", device: DISK, type: 1, bytes: new Uint8Array([1, 2]) };

function planWatch(target: WatchTarget, further: readonly PathFile[] = []) {
  const watch = { number: 7, mask: 2, target };
  const inotify = { kind: "inotify", id: 4, flags: 0, watches: [watch] } as const;
  const descriptors = Object.fromEntries(further.map(({ id }) => [id, id]));
  const host = { files: new Map([["/a", HERE]]), mounts: new Map([[DISK, "/disk"]]) };
  return planSmallTree({ files: [inotify, ...further], tasks: { 77: { 4: 4, ...descriptors } } }, host);
}

Deno.test("planInotify() adds a watch last of all", () => {
  const { last, expected, problems } = planWatch({ kind: "path", path: "/a" });
  assertEquals(problems, []);
  const what = "watch 7 of task 77, descriptor 4";
  assertEquals(last, [{ kind: "add-watch", handle: 0, what, number: 7, mask: 2, target: "/a" }]);
  assertEquals(expected.get(0)?.lines, ["inotify wd:7 * mask:2 *"]);
});

Deno.test("planInotify() opens a file without a path by its handle", () => {
  const { late, last } = planWatch(HANDLE);
  const opened = late.find(({ kind }) => kind === "open-by-handle");
  const what = 'a file of "/disk" by its handle';
  const bytes = new Uint8Array([1, 2]);
  assertEquals(opened, { kind: "open-by-handle", handle: 1, what, mount: "/disk", type: 1, bytes });
  assertEquals(last.map((step) => step.kind === "add-watch" && step.target), [1]);
});

const REFUSALS: readonly [name: string, target: WatchTarget, what: string][] = [
  ["a path that is not here", { kind: "path", path: "/b" }, 'it watches "/b", which is not here'],
  [
    "a handle on a device that is not mounted",
    { ...HANDLE, device: 8 * 2 ** 20 + 17 } as WatchTarget,
    "it watches a file on device 8:17, which is not mounted here",
  ],
  [
    "a file without a name that nobody has open",
    { kind: "ghost", ghost: 5 },
    "it watches a file without a name that no task has open",
  ],
];

Deno.test("planInotify() refuses", async (t) => {
  for (const [name, target, what] of REFUSALS) {
    await t.step(name, () => {
      const { problems, last } = planWatch(target);
      assertEquals(problems, [{ where: "task 77, descriptor 4", what }]);
      assertEquals(last, []);
    });
  }
});
