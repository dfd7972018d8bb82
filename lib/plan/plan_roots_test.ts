import { deepEqual as assertEquals } from "node:assert/strict";
import type { CgroupRoot } from "./plan.ts";
import { planRoots } from "./plan_roots.ts";

interface Row {
  readonly what: string;
  /** Of the checkpoint. */
  readonly hierarchies: readonly string[];
  readonly roots: readonly CgroupRoot[];
  /** Where `/job` goes, by hierarchy. */
  readonly moves: Readonly<Record<string, string>>;
  readonly notes?: readonly string[];
}

const V1 = ["cpu,cpuacct", "memory", "name=systemd"];

const ROWS: readonly Row[] = [
  { what: "nothing is moved", hierarchies: V1, roots: [], moves: {} },
  {
    what: "one of two controllers, and the rest",
    hierarchies: V1,
    roots: [{ hierarchy: "cpuacct", path: "/a" }, { path: "/b" }],
    moves: { "cpu,cpuacct": "/a", memory: "/b", "name=systemd": "/b" },
  },
  { what: "cgroup v2", hierarchies: ["", "memory"], roots: [{ hierarchy: "", path: "/a" }], moves: { "": "/a" } },
  {
    what: "controllers of cgroup v2, as LXC names it",
    hierarchies: [""],
    roots: [{ hierarchy: "cpuset,cpu,io,memory", path: "/a" }],
    moves: { "": "/a" },
  },
  {
    what: "a controller of v1 beside cgroup v2",
    hierarchies: ["", "memory"],
    roots: [{ hierarchy: "memory", path: "/a" }],
    moves: { memory: "/a" },
  },
  {
    what: "no such controller",
    hierarchies: ["", "memory"],
    roots: [{ hierarchy: "memroy", path: "/a" }],
    moves: {},
    notes: ["--cgroup-root memroy:/a has no effect: no task of the checkpoint is in such a hierarchy"],
  },
];

Deno.test("planRoots() moves what is in the hierarchies that are named", async (t) => {
  for (const { what, hierarchies, roots, moves, notes = [] } of ROWS) {
    await t.step(what, () => {
      const members = hierarchies.map((hierarchy) => ({ hierarchy, path: "/job" }));
      const planned = planRoots({ controllers: [] }, [{ id: 2, members }], roots);
      const found = [...planned.moves].map(([hierarchy, { to }]) => [hierarchy, to]);
      assertEquals(Object.fromEntries(found), moves);
      assertEquals(planned.notes, notes);
      assertEquals(planned.problems, []);
    });
  }
});
