import { deepEqual as assertEquals } from "node:assert/strict";
import type { PidFile } from "../../../model/files/pid_file.ts";
import { planSmallTree } from "../../../../tests/support/small_contents.ts";

const PIDFD_THREAD = 0o200;

function pidfdOf(id: number, changes: Partial<PidFile>): PidFile {
  return { kind: "pidfd", id, flags: 2, inode: 500, ...changes };
}

const REFERENCES: readonly [name: string, file: Partial<PidFile>, problem: string | undefined][] = [
  ["a task", { pid: 77 }, undefined],
  ["a zombie", { pid: 78 }, undefined],
  ["a thread", { pid: 79, flags: 2 | PIDFD_THREAD }, undefined],
  ["a thread, as if it were a process", { pid: 79 }, "it is a pidfd of process 79, which is not in the checkpoint"],
  ["somebody else", { pid: 80 }, "it is a pidfd of process 80, which is not in the checkpoint"],
  [
    "somebody else's thread",
    { pid: 80, flags: 2 | PIDFD_THREAD },
    "it is a pidfd of thread 80, which is not in the checkpoint",
  ],
];

Deno.test("planPidfd() opens pidfds of", async (t) => {
  for (const [name, changes, problem] of REFERENCES) {
    await t.step(name, () => {
      const tree = { files: [pidfdOf(4, changes)], tasks: { 77: { 4: 4 } }, zombies: [78], threads: [79] };
      const planner = planSmallTree(tree);
      assertEquals(planner.problems.map(({ what }) => what), problem === undefined ? [] : [problem]);
      assertEquals(planner.late.length, problem === undefined ? 1 : 0);
    });
  }
});

Deno.test("planPidfd() makes one process for all pidfds of one that has ended", () => {
  const files = [pidfdOf(4, {}), pidfdOf(5, { flags: 0o4002 }), pidfdOf(6, { inode: 501 })];
  const planner = planSmallTree({ files, tasks: { 77: { 4: 4, 5: 5, 6: 6 } } });
  const made = planner.late.flatMap((step) => step.kind === "open-ended-pidfds" ? [step.files] : []);
  assertEquals(made, [[{ handle: 0, flags: 2 }, { handle: 1, flags: 0o4002 }], [{ handle: 2, flags: 2 }]]);
});
