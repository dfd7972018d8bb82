import { deepEqual as assertEquals } from "node:assert/strict";
import type { Problem } from "../../../errors.ts";
import type { OpenFile } from "../../../model/open_file.ts";
import type { TaskState } from "../../../model/task_state.ts";
import { planNestedMounts } from "./plan_nested_mounts.ts";

const [ROOT, JAIL] = [1, 2];

function file(id: number, path: string): OpenFile {
  return { kind: "path", id, flags: 0, path, isExternal: false };
}

/** Tasks by their pids, with what their root directories are. */
function plan(
  homes: Readonly<Record<number, number>>,
  { roots = {}, entersLate = false }: { roots?: Readonly<Record<number, number>>; entersLate?: boolean } = {},
) {
  const makers = new Map([[1, 0], [2, 1], [3, 2], [4, 2], [5, 4], [6, 5]]);
  // Task 5 is a helper.
  const pids = [1, 2, 3, 4, 6];
  const states = pids.map((pid): [number, TaskState] => [
    pid,
    { directories: { working: ROOT, root: roots[pid] ?? ROOT } } as TaskState,
  ]);
  const problems: Problem[] = [];
  const keys: string[] = [];
  const planned = planNestedMounts(new Map(Object.entries(homes).map(([pid, home]) => [Number(pid), home])), {
    held: { tasks: new Map(states), files: new Map([[ROOT, file(ROOT, "/")], [JAIL, file(JAIL, "/jail")]]) },
    programs: [...makers].map(([pid, maker]) => ({ pid, maker })),
    entersLate,
    handle: (key) => keys.push(key) - 1,
    problems,
  });
  return { ...planned, problems };
}

Deno.test("planNestedMounts() finds out who enters what", async (t) => {
  const rows: readonly (readonly [string, Readonly<Record<number, number>>, Readonly<Record<number, number>>])[] = [
    ["a child and its children", { 2: 1, 3: 1, 4: 1, 6: 1 }, { 2: 1 }],
    ["a child that goes back", { 2: 1, 3: 1 }, { 2: 1, 4: 0 }],
    ["a child that goes on", { 2: 1, 3: 1, 4: 2, 6: 2 }, { 2: 1, 4: 2 }],
    ["behind a helper", { 6: 1 }, { 6: 1 }],
  ];
  for (const [name, homes, want] of rows) {
    await t.step(name, () => {
      const entries = [...plan(homes).entries];
      assertEquals(entries, Object.entries(want).map(([pid, home]) => [Number(pid), home]));
    });
  }
  await t.step("all, when they were in the one of the root task before", () => {
    const homes = { 2: 1, 3: 1 };
    assertEquals([...plan(homes, { entersLate: true }).entries], [[2, 1], [3, 1]]);
  });
});

Deno.test("planNestedMounts() has somebody see all mounts", () => {
  const { namespaces, problems } = plan({ 2: 1, 3: 1, 4: 2 }, { roots: { 2: JAIL } });
  assertEquals(namespaces, [
    { handle: 0, root: 1, witness: 1 },
    { handle: 2, root: 3, witness: 3 },
    { handle: 4, root: 5, witness: 4 },
  ]);
  assertEquals(problems, []);
  assertEquals(plan({ 2: 1 }, { roots: { 2: JAIL } }).problems, [
    { where: "mnt namespace 2", what: "each task in it has a root directory of its own" },
  ]);
});
