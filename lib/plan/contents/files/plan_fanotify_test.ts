import { deepEqual as assertEquals } from "node:assert/strict";
import type { FanotifyMark, WatchTarget } from "../../../model/files/notify_files.ts";
import { planSmallTree } from "../../../../tests/support/small_contents.ts";

const MOUNT = 0x10;
const IGNORED_MASK = 0x20;
const SURVIVES = 0x40;
const EVICTABLE = 0x200;
const IGNORE = 0x400;

const FILE: WatchTarget = { kind: "path", path: "/a" };

const ROWS: readonly [name: string, mark: Partial<FanotifyMark>, calls: [flags: number, mask: number][]][] = [
  ["of a file", { mask: 2 }, [[0, 2]]],
  ["of a mount", { mask: 2, target: { kind: "mount", path: "/a" } }, [[MOUNT, 2]]],
  ["that may be evicted", { mask: 2, flags: EVICTABLE }, [[EVICTABLE, 2]]],
  ["with events that are ignored", { mask: 2, ignoredMask: 1 }, [[0, 2], [IGNORED_MASK, 1]]],
  ["that survives changes", { ignoredMask: 1, flags: SURVIVES }, [[IGNORED_MASK | SURVIVES, 1]]],
  ["that ignores strictly", { mask: 2, ignoredMask: 1, flags: IGNORE | SURVIVES }, [[0, 2], [IGNORE | SURVIVES, 1]]],
];

Deno.test("planFanotify() adds a mark", async (t) => {
  for (const [name, changes, calls] of ROWS) {
    await t.step(name, () => {
      const planner = planMarks([{ flags: 0, mask: 0, ignoredMask: 0, target: FILE, ...changes }]);
      assertEquals(planner.problems, []);
      assertEquals(planner.last.map((step) => step.kind === "add-mark" && [step.flags, step.mask]), calls);
    });
  }
});

Deno.test("planFanotify() adds the oldest mark first", () => {
  const marks = [1, 2, 3].map((mask): FanotifyMark => ({ flags: 0, mask, ignoredMask: 0, target: FILE }));
  assertEquals(planMarks(marks).last.map((step) => step.kind === "add-mark" && step.mask), [3, 2, 1]);
});

function planMarks(marks: readonly FanotifyMark[]) {
  const file = { kind: "fanotify", id: 4, flags: 2, groupFlags: 0, eventFlags: 0, marks } as const;
  const host = { files: new Map([["/a", { mode: 0o100644, size: 0, device: 0 }]]) };
  return planSmallTree({ files: [file], tasks: { 77: { 4: 4 } } }, host);
}
