import { deepEqual, equal, match, throws } from "node:assert/strict";
import {
  buildHierarchy,
  buildHost,
  buildSmallCheckpoint,
  capturedHost,
  DEFAULT_OPTIONS,
  readCheckpoint,
} from "../../../tests/support/plan_inputs.ts";
import type { PlanError } from "../../errors.ts";
import type { Checkpoint } from "../../model/checkpoint.ts";
import { UNIFIED } from "../../model/hierarchy.ts";
import { planRestore } from "../plan_restore.ts";
import { convertCheckpoint } from "./convert_checkpoint.ts";

type Members = Readonly<Record<string, string>>;
type Trees = Parameters<typeof buildSmallCheckpoint>[1];

const V2_ONLY = [buildHierarchy(UNIFIED)];

const ROWS: readonly {
  readonly name: string;
  readonly sets: readonly Members[];
  readonly trees?: Trees;
  /** What the host has beside v2. */
  readonly host?: readonly string[];
  /** Members of each set. */
  readonly places: readonly Members[];
  /** Values by path. */
  readonly limits?: Readonly<Record<string, Members>>;
  readonly losses?: readonly RegExp[];
  readonly note?: RegExp;
}[] = [
  {
    name: "one place in all hierarchies",
    sets: [{ cpu: "/job", memory: "/job", "name=systemd": "/job", perf_event: "/" }],
    trees: { cpu: { "/job": { "cpu.shares": "512" } }, memory: { "/job": { "memory.limit_in_bytes": "4096" } } },
    places: [{ "": "/job" }],
    limits: { "/job": { "memory.max": "4096", "cpu.weight": "59" } },
    note: /^the checkpoint is from a host with cgroup v1, and is converted for cgroup2$/,
  },
  {
    name: "the deepest of those that are above each other",
    sets: [{ cpu: "/job", memory: "/", "name=systemd": "/job/unit" }],
    trees: { cpu: { "/job": { "cpu.shares": "512" } } },
    places: [{ "": "/job/unit" }],
    limits: { "/job": { "cpu.weight": "59" } },
  },
  {
    name: "places that are not above each other",
    sets: [{ cpu: "/fast", memory: "/job", pids: "/" }],
    trees: { cpu: { "/fast": { "cpu.shares": "2048" } }, memory: { "/job": { "memory.limit_in_bytes": "4096" } } },
    places: [{ "": "/job" }],
    limits: { "/job": { "memory.max": "4096" } },
    losses: [
      /^set 2 \(task 100\): .*"\/job", as in memory, .*"\/fast" in cpu: lost would be cpu.shares "2048" of "\/fast"$/,
    ],
  },
  {
    name: "places that are not above each other, without limits",
    sets: [{ cpu: "/fast", memory: "/job" }],
    trees: { cpu: { "/fast": { "cpu.shares": "1024" } }, memory: { "/job": {} } },
    places: [{ "": "/job" }],
    limits: { "/job": {} },
  },
  {
    name: "limits that a task did not have",
    sets: [{ cpu: "/job", memory: "/job/a" }, { cpu: "/job/a", memory: "/job/a" }],
    trees: { cpu: { "/job": {}, "/job/a": { "cpu.shares": "512" } }, memory: { "/job/a": {} } },
    places: [{ "": "/job/a" }, { "": "/job/a" }],
    limits: { "/job": {}, "/job/a": { "cpu.weight": "59" } },
    losses: [/^set 2 \(task 100\): .*: new would be cpu.shares "512" of "\/job\/a"$/],
  },
  {
    name: "tasks beside a cgroup with limits",
    sets: [{ cpu: "/job" }, { cpu: "/job/a" }],
    trees: { cpu: { "/job": {}, "/job/a": { "cpu.shares": "512" }, "/job/leaf": {} } },
    places: [{ "": "/job/leaf_" }, { "": "/job/a" }],
    limits: { "/job": {}, "/job/a": { "cpu.weight": "59" }, "/job/leaf": {} },
    note: /^tasks of "\/job" are in "\/job\/leaf_": /,
  },
  {
    name: "tasks beside a cgroup without limits",
    sets: [{ cpu: "/job" }, { cpu: "/job/a" }],
    trees: { cpu: { "/job": { "cpu.shares": "512" }, "/job/a": {} } },
    places: [{ "": "/job" }, { "": "/job/a" }],
    limits: { "/job": { "cpu.weight": "59" }, "/job/a": {} },
  },
  {
    name: "tasks above a cgroup that is frozen",
    sets: [{ freezer: "/job", cpu: "/job" }, { freezer: "/job/a", cpu: "/job/a" }],
    trees: { freezer: { "/job": {}, "/job/a": { "freezer.state": "FROZEN" } } },
    places: [{ "": "/job" }, { "": "/job/a" }],
    limits: { "/job": {}, "/job/a": { "cgroup.freeze": "1" } },
  },
  {
    name: "cpusets that have what is above them",
    sets: [{ cpuset: "/job/a" }, { cpuset: "/job" }],
    trees: {
      cpuset: {
        "/job": { "cpuset.cpus": "0-1", "cpuset.mems": "0" },
        "/job/a": { "cpuset.cpus": "0", "cpuset.mems": "0" },
      },
    },
    places: [{ "": "/job/a" }, { "": "/job/leaf" }],
    limits: { "/job": { "cpuset.cpus": "0-1", "cpuset.mems": "0" }, "/job/a": { "cpuset.cpus": "0" } },
  },
  {
    name: "what v2 does not have stays, if it limits something",
    sets: [{ cpu: "/job", devices: "/job", "net_cls,net_prio": "/job", "name=mine": "/x" }],
    trees: { devices: { "/job": { "devices.list": "c 1:3 rwm" } }, "net_cls,net_prio": { "/job": {} } },
    places: [{ "": "/job", devices: "/job", "name=mine": "/x" }],
    limits: { "/job": {} },
  },
  {
    name: "what this host has beside v2",
    sets: [{ cpu: "/job", freezer: "/job/a" }],
    trees: { freezer: { "/job/a": { "freezer.state": "FROZEN" } } },
    host: ["freezer"],
    places: [{ "": "/job", freezer: "/job/a" }],
  },
  {
    name: "a value without a counterpart",
    sets: [{ memory: "/job" }],
    trees: { memory: { "/job": { "memory.swappiness": "1" } } },
    places: [{ "": "/job" }],
    limits: { "/job": {} },
    losses: [/^cgroup "\/job": cgroup2 has nothing like memory.swappiness "1"$/],
  },
  {
    name: "a host that had both",
    sets: [{ "": "/user/job", "name=systemd": "/user/job", cpu: "/user", memory: "/" }],
    trees: { "": { "/user/job": { "cgroup.max.depth": "3", "cgroup.freeze": "0" } }, cpu: { "/user": {} } },
    places: [{ "": "/user/job" }],
    limits: { "/user": {}, "/user/job": { "cgroup.max.depth": "3", "cgroup.freeze": "0" } },
  },
];

Deno.test("convertCheckpoint() merges hierarchies into one", async (t) => {
  for (const { name, sets, trees = {}, host = [], places, limits = {}, losses = [], note } of ROWS) {
    await t.step(name, () => {
      const { checkpoint, ...told } = convertCheckpoint(buildSmallCheckpoint(sets, trees), [
        ...V2_ONLY,
        ...host.map((name) => buildHierarchy(name)),
      ], DEFAULT_OPTIONS);
      deepEqual(membersOf(checkpoint), places);
      const tree = checkpoint.controllers.find(({ hierarchy }) => hierarchy === UNIFIED);
      deepEqual(
        Object.fromEntries(
          tree?.directories.map((
            { path, properties },
          ) => [path, Object.fromEntries(properties.map(({ name, value }) => [name, value]))]) ?? [],
        ),
        limits,
      );
      equal(told.losses.length, losses.length);
      losses.forEach((pattern, index) => match(`${told.losses[index]?.where}: ${told.losses[index]?.what}`, pattern));
      match(told.notes.join("\n"), new RegExp(note ?? "", "m"));
    });
  }
});

Deno.test("convertCheckpoint() puts tasks of v2 into every hierarchy of v1", () => {
  const trees = {
    "": {
      "/job": { "cgroup.subtree_control": "cpu", "cgroup.max.depth": "3", "cgroup.type": "domain threaded" },
      "/job/a": { "cgroup.procs": "", "cgroup.freeze": "1", "cgroup.type": "threaded" },
      "/other": {},
    },
  };
  const hierarchies = ["cpu,cpuacct", "freezer", "name=mine", "name=systemd"].map((name) => buildHierarchy(name));
  const dumped = buildSmallCheckpoint([{ "": "/job" }, { "": "/job/a" }], trees);
  const { checkpoint, notes, losses } = convertCheckpoint(dumped, hierarchies, DEFAULT_OPTIONS);
  deepEqual(membersOf(checkpoint), [
    { "cpu,cpuacct": "/job", freezer: "/job", "name=systemd": "/job" },
    { "cpu,cpuacct": "/job/a", freezer: "/job/a", "name=systemd": "/job/a" },
  ]);
  const valuesIn = (name: string) => (
    checkpoint.controllers.find(({ hierarchy }) => hierarchy === name)?.directories.map((
      { path, properties },
    ) => [path, properties.map(({ name, value }) => `${name}=${value}`).join()])
  );
  deepEqual(valuesIn("cpu,cpuacct"), [["/job", ""], ["/job/a", "cgroup.procs="]]);
  deepEqual(valuesIn("freezer"), [["/job", ""], ["/job/a", "cgroup.procs=,freezer.state=FROZEN"]]);
  deepEqual(notes, ["the checkpoint is from a host with cgroup v2, and is converted for v1"]);
  deepEqual(losses, [{ where: 'cgroup "/job"', what: 'cgroup v1 has nothing like cgroup.max.depth "3"' }]);
});

Deno.test("convertCheckpoint() leaves others as they are", () => {
  const v1 = buildSmallCheckpoint([{ cpu: "/job" }]);
  const both = [...V2_ONLY, buildHierarchy("cpu")];
  const rows:
    readonly (readonly [Checkpoint, Parameters<typeof convertCheckpoint>[1], Partial<typeof DEFAULT_OPTIONS>])[] = [
      [v1, both, {}],
      [v1, [buildHierarchy("name=x")], {}],
      [v1, V2_ONLY, { mode: "ignore" }],
      [buildSmallCheckpoint([{ "": "/job" }]), V2_ONLY, {}],
      [buildSmallCheckpoint([{ cpu: "/", memory: "/" }]), V2_ONLY, {}],
      [buildSmallCheckpoint([{ "": "/" }]), [buildHierarchy("cpu")], {}],
      [buildSmallCheckpoint([{ "": "/job", cpu: "/job" }]), [buildHierarchy("cpu")], {}],
    ];
  for (const [checkpoint, hierarchies, options] of rows) {
    equal(convertCheckpoint(checkpoint, hierarchies, { ...DEFAULT_OPTIONS, ...options }).checkpoint, checkpoint);
  }
});

Deno.test("convertCheckpoint() keeps the threads of a task together", () => {
  const small = buildSmallCheckpoint([{ cpu: "/job" }, { cpu: "/job/a" }]);
  const [root, child] = small.tasks;
  const threads = [{ tid: 200, comm: "a", set: 2 }, { tid: 201, comm: "b", set: 3 }];
  const tasks = [...root === undefined ? [] : [{ ...root, threads }], ...child === undefined ? [] : [child]];
  const { checkpoint, losses } = convertCheckpoint({ ...small, tasks }, V2_ONLY, DEFAULT_OPTIONS);
  deepEqual(checkpoint.tasks[0]?.threads, [{ tid: 200, comm: "a" }, { tid: 201, comm: "b" }]);
  deepEqual(losses.map(({ where }) => where), ["thread 201 of task 100"]);
});

Deno.test("planRestore() takes losses for reasons, or goes on without", () => {
  const checkpoint = buildSmallCheckpoint([{ memory: "/job" }], { memory: { "/job": { "memory.swappiness": "1" } } });
  const host = buildHost({ hierarchies: V2_ONLY, unifiedControllers: ["memory"] });
  throws(
    () => planRestore(checkpoint, host, DEFAULT_OPTIONS),
    ({ problems: [problem] }: PlanError) => (
      problem?.where === 'cgroup "/job"' && problem.what.endsWith("; --on-missing=skip goes on without it")
    ),
  );
  const { notes, places } = planRestore(checkpoint, host, { ...DEFAULT_OPTIONS, onMissing: "skip" });
  match(notes.join("\n"), /^cgroup "\/job": cgroup2 has nothing like memory.swappiness "1"$/m);
  deepEqual(places.map(({ members }) => members), [[{ hierarchy: UNIFIED, path: "/job" }]]);
});

Deno.test("planRestore() restores real checkpoints of v2 where there is v1 only", () => {
  const { places } = planRestore(readCheckpoint("v2-criu4"), capturedHost("v1"), DEFAULT_OPTIONS);
  for (const controller of ["memory", "freezer", "net_cls,net_prio"]) {
    const found = places.map(({ members }) => members.find(({ hierarchy }) => hierarchy === controller)?.path);
    deepEqual(found, ["/job", "/job/c1", "/job/c2"], controller);
  }
});

Deno.test("planRestore() restores real checkpoints of v1 where there is v2 only", async (t) => {
  const controllers = "cpuset cpu io memory hugetlb pids rdma misc";
  const host = capturedHost("v2", { "": { "/": { "cgroup.controllers": controllers } } });
  for (const name of ["v1-criu3", "v1-criu4", "hybrid-criu4", "v1-siblings-criu4", "hybrid-siblings-criu3"]) {
    await t.step(name, () => {
      const { places, cgroups, properties } = planRestore(readCheckpoint(name), host, DEFAULT_OPTIONS);
      const isInOrder = name.includes("siblings");
      deepEqual(places.map(({ members }) => members.find(({ hierarchy }) => hierarchy === UNIFIED)?.path), [
        isInOrder ? "/job/p" : "/job/leaf",
        "/job/c1",
        "/job/c2",
      ]);
      const writes = [...cgroups, ...properties].flatMap((step) => (
        step.kind === "write-property" && step.hierarchy === UNIFIED ? [`${step.path} ${step.file} ${step.writes}`] : []
      ));
      const written = writes.filter((write) => !write.includes(" cpuset.") && !write.includes("cgroup.")).sort();
      deepEqual(written, [
        ...isInOrder ? [] : ["/job memory.max 314572800", "/job pids.max 64"],
        "/job/c1 cpu.max 50000 100000",
        "/job/c1 cpu.weight 174",
        "/job/c1 memory.low 104857600",
        "/job/c1 memory.max 134217728",
        "/job/c1 pids.max 16",
        "/job/c2 cpu.weight 59",
      ]);
    });
  }
});

function membersOf({ sets }: Checkpoint): Members[] {
  return [...sets.values()].map(({ members }) =>
    Object.fromEntries(members.map(({ hierarchy, path }) => [hierarchy, path]))
  );
}
