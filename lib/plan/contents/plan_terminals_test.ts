import { deepEqual } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../tests/support/mounts.ts";
import { plannerOf, problemsOf } from "../../../tests/support/plan_files.ts";
import { MountPlaces } from "./namespaces/mount_places.ts";
import { planTerminals } from "./plan_terminals.ts";

const EXTERNAL = { external: [{ key: "console", path: "/dev/pts/7" }], takesDetected: false };

Deno.test("planTerminals() refuses mounts that show pseudoterminals which nobody has", async (t) => {
  const pts = aMount({ id: 2, mountPoint: "/dev/pts", type: "devpts" });
  const console = aMount({ id: 3, mountPoint: "/dev/console", device: pts.device, type: "devpts", root: "/7" });
  const rows = [
    ["nobody has it", console, [], [
      'mount "/dev/console" of type devpts: no task has the pseudoterminal 7 open, which it shows',
    ]],
    ["a task has it", console, [{ handle: 0, index: 7, path: "/dev/pts/ptmx", flags: 2 }], []],
    ["it is of outside", { ...console, external: "console" }, [], []],
  ] as const;
  for (const [what, mount, masters, problems] of rows) {
    await t.step(what, () => {
      const places = new MountPlaces([ROOT_MOUNT, pts, mount], EXTERNAL);
      const planner = plannerOf([], { options: { places } });
      planner.terminals.masters.push(...masters);
      planTerminals(planner);
      deepEqual(problemsOf(planner), problems);
    });
  }
});
