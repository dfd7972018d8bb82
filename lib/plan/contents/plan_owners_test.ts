import { deepEqual as assertEquals } from "node:assert/strict";
import type { OpenFile, SignalOwner } from "../../model/open_file.ts";
import { eventFile, planSmallTree, tableOf } from "../../../tests/support/small_contents.ts";
import { planOwners } from "./plan_owners.ts";

const F_OWNER_TID = 0;
const F_OWNER_PID = 1;
const F_OWNER_PGRP = 2;
const O_ASYNC = 0o20000;

const TREE = { zombies: [80], threads: [81], groups: [90] };

function ownerOf(kind: number, pid: number): SignalOwner {
  return { kind, pid, signal: 0, uid: 0, effectiveUid: 0 };
}

const WHOM: readonly [name: string, owner: SignalOwner, problem: string | undefined][] = [
  ["a task", ownerOf(F_OWNER_PID, 77), undefined],
  ["a zombie", ownerOf(F_OWNER_PID, 80), undefined],
  ["a thread", ownerOf(F_OWNER_TID, 81), undefined],
  ["a group without its leader", ownerOf(F_OWNER_PGRP, 90), undefined],
  ["somebody on this host", ownerOf(F_OWNER_PID, 1), undefined],
  ["nobody, with a signal", { ...ownerOf(F_OWNER_TID, 0), signal: 34 }, undefined],
  [
    "a stranger",
    ownerOf(F_OWNER_PID, 99),
    "its signals go to process 99, which is neither in the checkpoint nor on this host",
  ],
  [
    "a group that is but a task",
    ownerOf(F_OWNER_PGRP, 77),
    "its signals go to process group 77, which is neither in the checkpoint nor on this host",
  ],
];

Deno.test("planOwners() has files signal", async (t) => {
  for (const [name, owner, problem] of WHOM) {
    await t.step(name, () => {
      const file = { ...eventFile(4), owner } as OpenFile;
      const planner = planSmallTree({ ...TREE, files: [file], tasks: { 77: { 5: 4 } } }, {
        outsiders: new Map([[1, 1]]),
      });
      planOwners(planner);
      const where = "task 77, descriptor 5";
      assertEquals(planner.problems, problem === undefined ? [] : [{ where, what: problem }]);
      assertEquals(planner.last, [{ kind: "set-owner", handle: 0, what: where, owner, ownUids: [0, 0] }]);
    });
  }
});

const ASYNC: readonly [name: string, tasks: Record<number, Record<number, number>>, owner: number, by: unknown][] = [
  ["the lowest descriptor", { 77: { 5: 4, 9: 4 } }, 77, [[77, 5]]],
  ["a descriptor of the one who is signalled", { 77: { 5: 4 }, 78: { 8: 4 } }, 78, [[78, 8]]],
  ["somebody else's, where that one has none", { 77: { 5: 4 }, 78: {} }, 78, [[77, 5]]],
];

Deno.test("planOwners() sets O_ASYNC by", async (t) => {
  for (const [name, tasks, pid, by] of ASYNC) {
    await t.step(name, () => {
      const file = { ...eventFile(4), isAsync: true, owner: ownerOf(F_OWNER_PID, pid) } as OpenFile;
      const planner = planSmallTree({ files: [file], tasks });
      planOwners(planner);
      const found = Object.keys(tasks).map(Number).flatMap((task) => (
        (planner.actions.get(tableOf(task)) ?? []).map((action) => [task, action.fd])
      ));
      assertEquals(found, by);
      assertEquals(planner.expected.get(0)?.flags, 2 | O_ASYNC);
    });
  }
});
