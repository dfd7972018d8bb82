import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  buildHierarchy,
  buildHost,
  buildSmallCheckpoint,
  capturedHost,
  DEFAULT_OPTIONS,
  readCheckpoint,
} from "../../tests/support/plan_inputs.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { hostQuestions } from "./host_questions.ts";
import { mapHierarchies } from "./map_hierarchies.ts";
import type { PlanOptions } from "./plan.ts";
import { planYard, usedHierarchies } from "./plan_yard.ts";

function places(mapping: ReturnType<typeof mapHierarchies>): Record<number, Record<string, string>> {
  return Object.fromEntries([...mapping.places].map(([id, members]) => [id, Object.fromEntries(members)]));
}

const ROWS: readonly {
  name: string;
  host: ReturnType<typeof buildHost>;
  sets: Record<string, string>[];
  options?: Partial<PlanOptions>;
  places?: Record<string, string>;
  made?: string[];
  problem?: RegExp;
  note?: RegExp;
}[] = [
  {
    name: "co-mounted there, separate here",
    host: buildHost({ hierarchies: [buildHierarchy("cpu"), buildHierarchy("cpuacct")] }),
    sets: [{ "cpu,cpuacct": "/job" }],
    places: { cpu: "/job", cpuacct: "/job" },
  },
  {
    name: "separate there, co-mounted here",
    host: buildHost({ hierarchies: [buildHierarchy("cpu,cpuacct")] }),
    sets: [{ cpu: "/job", cpuacct: "/job" }],
    places: { "cpu,cpuacct": "/job" },
  },
  {
    name: "separate there with two paths, co-mounted here",
    host: buildHost({ hierarchies: [buildHierarchy("cpu,cpuacct")] }),
    sets: [{ cpu: "/a", cpuacct: "/b" }],
    problem: /^"\/a" in cpu and "\/b" in cpuacct are two places/,
  },
  {
    name: "a named hierarchy that does not exist",
    host: buildHost({ hierarchies: [buildHierarchy("cpu")] }),
    sets: [{ cpu: "/job", "name=x": "/job" }],
    places: { cpu: "/job", "name=x": "/job" },
    made: ["name=x"],
  },
  {
    name: "loose controllers",
    host: buildHost({ hierarchies: [buildHierarchy("cpu")], looseControllers: ["net_cls", "net_prio"] }),
    sets: [{ "net_cls,net_prio": "/job" }],
    places: { "net_cls,net_prio": "/job" },
    made: ["net_cls,net_prio"],
  },
  {
    name: "one of two is attached elsewhere",
    host: buildHost({ hierarchies: [buildHierarchy("net_cls")], looseControllers: ["net_prio"] }),
    sets: [{ "net_cls,net_prio": "/job" }],
    places: { net_cls: "/job", net_prio: "/job" },
    made: ["net_prio"],
  },
  {
    name: "a controller that the kernel lacks",
    host: buildHost({ hierarchies: [buildHierarchy("cpu")] }),
    sets: [{ cpu: "/job", rdma: "/job" }],
    problem: /^rdma is not .*kernel lacks it.*"\/job" of set 2 \(task 100\).*--on-missing=skip/,
  },
  {
    name: "a controller that the kernel lacks, skipped",
    host: buildHost({ hierarchies: [buildHierarchy("cpu")] }),
    sets: [{ cpu: "/job", rdma: "/job" }],
    options: { onMissing: "skip" },
    places: { cpu: "/job" },
    note: /^rdma is not .*; skipped$/,
  },
  {
    name: "a controller that v2 has",
    host: buildHost({
      hierarchies: [buildHierarchy(""), buildHierarchy("cpu")],
      looseControllers: ["blkio", "perf_event"],
      unifiedControllers: ["io"],
    }),
    sets: [{ cpu: "/job", blkio: "/job" }],
    problem: /^blkio is not .*cgroup2 has it/,
  },
  {
    name: "nothing is missed in the root",
    host: buildHost({ hierarchies: [buildHierarchy("cpu")] }),
    sets: [{ "": "/", cpu: "/job", rdma: "/" }],
    places: { cpu: "/job" },
  },
  {
    name: "roots, default and by controller",
    host: buildHost({ hierarchies: [buildHierarchy("cpu,cpuacct"), buildHierarchy("memory")] }),
    sets: [{ "cpu,cpuacct": "/job/a", memory: "/job/a" }, { "cpu,cpuacct": "/job/b", memory: "/job/b" }],
    options: { roots: [{ path: "/new" }, { hierarchy: "cpuacct", path: "/cpus" }] },
    places: { "cpu,cpuacct": "/cpus/a", memory: "/new/a" },
  },
  {
    name: "two roots for one hierarchy",
    host: buildHost({ hierarchies: [buildHierarchy("cpu,cpuacct")] }),
    sets: [{ "cpu,cpuacct": "/job" }],
    options: { roots: [{ hierarchy: "cpu", path: "/a" }, { hierarchy: "cpuacct", path: "/b" }] },
    problem: /^"\/a" and "\/b" are both asked for/,
  },
  {
    name: "a root for a hierarchy that is not there",
    host: buildHost({ hierarchies: [buildHierarchy("cpu")] }),
    sets: [{ cpu: "/job" }],
    options: { roots: [{ hierarchy: "", path: "/a" }] },
    places: { cpu: "/job" },
    note: /has no effect/,
  },
  {
    name: "mode ignore",
    host: buildHost({ hierarchies: [buildHierarchy("cpu", { ownPath: "/me" })] }),
    sets: [{ cpu: "/job", rdma: "/job" }],
    options: { mode: "ignore" },
    places: { cpu: "/me" },
  },
];

Deno.test("mapHierarchies() maps controller by controller", async (t) => {
  for (const row of ROWS) {
    await t.step(row.name, () => {
      const mapping = mapHierarchies(buildSmallCheckpoint(row.sets), row.host, { ...DEFAULT_OPTIONS, ...row.options });
      deepEqual(mapping.problems.length, row.problem === undefined ? 0 : 1);
      if (row.problem !== undefined) match(mapping.problems[0]?.what ?? "", row.problem);
      if (row.note !== undefined) ok(mapping.notes.some((note) => row.note?.test(note)));
      if (row.places !== undefined) deepEqual(places(mapping)[2], row.places);
      deepEqual([...mapping.newHierarchies], row.made ?? []);
    });
  }
});

Deno.test("mapHierarchies() keeps a cgroup namespace at its head", async (t) => {
  const rows: [name: string, namespaceRoot: string, to: string][] = [
    ["the head is the root of the namespace", "/docker/1", "/new"],
    ["the root of the namespace is above the head", "/docker", "/new"],
  ];
  for (const [name, namespaceRoot, to] of rows) {
    await t.step(name, () => {
      const checkpoint: Checkpoint = {
        ...buildSmallCheckpoint([{ cpu: "/docker/1" }], { cpu: { "/docker/1": {}, "/docker/1/a": {} } }),
        sets: new Map([[2, { id: 2, members: [{ hierarchy: "cpu", path: "/docker/1", namespaceRoot }] }]]),
      };
      const host = buildHost({ hierarchies: [buildHierarchy("cpu")] });
      const mapping = mapHierarchies(checkpoint, host, { ...DEFAULT_OPTIONS, roots: [{ path: "/new" }] });
      deepEqual(mapping.namespaceRoots.get(2), new Map([["cpu", to]]));
      deepEqual(mapping.trees.get("cpu")?.map(({ path }) => path), ["/new", "/new/a"]);
    });
  }
});

Deno.test("mapHierarchies() leaves the dump host's cgroups alone when a task sat in the root", () => {
  const checkpoint = buildSmallCheckpoint([{ cpu: "/" }, { cpu: "/job" }], {
    cpu: { "/": {}, "/job": {}, "/job/x": {}, "/system.slice": {} },
  });
  const mapping = mapHierarchies(checkpoint, buildHost({ hierarchies: [buildHierarchy("cpu")] }), DEFAULT_OPTIONS);
  deepEqual(mapping.trees.get("cpu")?.map(({ path }) => path), ["/job", "/job/x"]);
});

Deno.test("mapHierarchies() takes each property to the hierarchy of its controller", () => {
  const values = { "cpu.shares": "5", "cpuacct.x": "1", notify_on_release: "0" };
  const checkpoint = buildSmallCheckpoint([{ "cpu,cpuacct": "/job" }], { "cpu,cpuacct": { "/job": values } });
  const host = buildHost({ hierarchies: [buildHierarchy("cpu"), buildHierarchy("cpuacct")] });
  const { trees } = mapHierarchies(checkpoint, host, DEFAULT_OPTIONS);
  deepEqual(trees.get("cpu")?.[0]?.properties.map(({ name }) => name), ["cpu.shares", "notify_on_release"]);
  deepEqual(trees.get("cpuacct")?.[0]?.properties.map(({ name }) => name), ["cpuacct.x", "notify_on_release"]);
});

Deno.test("mapHierarchies() restores real checkpoints on hosts like their own", async (t) => {
  for (const kind of ["v1", "hybrid", "v2"]) {
    for (const criu of ["criu3", "criu4", "siblings-criu3", "siblings-criu4"]) {
      await t.step(`${kind}-${criu}`, () => {
        const checkpoint = readCheckpoint(`${kind}-${criu}`);
        const host = capturedHost(kind, { "": { "/": { "cgroup.controllers": "cpu io memory" } } });
        const mapping = mapHierarchies(checkpoint, host, { ...DEFAULT_OPTIONS, roots: [{ path: "/else/here" }] });
        deepEqual(mapping.problems, []);
        const c1 = [...mapping.places.values()].flatMap((members) => [...new Set(members.values())]);
        ok(c1.includes("/else/here/c1") && c1.includes("/else/here/c2"));
        const yard = planYard(mapping, usedHierarchies(mapping, []));
        ok(yard.length > 0 && yard.every(({ method, isNew }) => method === "bind" && !isNew));
        ok(hostQuestions(checkpoint, host.hierarchies, DEFAULT_OPTIONS).pids.includes(5001));
      });
    }
  }
});

Deno.test("planYard() mounts what the host shows nowhere, and changes no options", () => {
  const [unified] = capturedHost("v2").hierarchies;
  ok(unified?.mount !== undefined);
  const { mount, ...unmounted } = unified;
  const readOnly = { ...mount, readOnly: true };
  const named = buildHierarchy("name=x");
  for (
    const hierarchy of [{ ...unified, mount: readOnly }, { ...unmounted, superOptions: mount.superOptions }]
  ) {
    const [step] = planYard({ hierarchies: [hierarchy, named], newHierarchies: new Set() }, new Set([""]));
    equal(step?.method, "mount");
    equal(step?.options, "nsdelegate,memory_recursiveprot");
  }
  const { mount: _, ...unmountedNamed } = named;
  const steps = planYard({ hierarchies: [unmountedNamed], newHierarchies: new Set(["name=x"]) }, new Set(["name=x"]));
  deepEqual(steps.map(({ options, isNew }) => [options, isNew]), [["none,name=x", true]]);
});

Deno.test("hostQuestions() asks for pids, places and what is below them", () => {
  const checkpoint = buildSmallCheckpoint([{ cpu: "/job/a" }], { cpu: { "/job/a": {}, "/job/a/b": {} } });
  const hierarchies = [buildHierarchy("cpu", { ownPath: "/me" })];
  const questions = hostQuestions(checkpoint, hierarchies, { ...DEFAULT_OPTIONS, roots: [{ path: "/new" }] });
  deepEqual(questions.pids, [100]);
  deepEqual(questions.cgroups.get("cpu"), ["/me", "/new", "/new/b"]);
});
