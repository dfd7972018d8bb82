import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  buildHierarchy,
  buildHost,
  buildSmallCheckpoint,
  capturedHost,
  type Cgroups,
  DEFAULT_OPTIONS,
  readCheckpoint,
} from "../../tests/support/plan_inputs.ts";
import type { Host } from "../host/host.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { mapHierarchies } from "./map_hierarchies.ts";
import { type CgroupStep, MANAGE_MODES, type ManageMode, type PlanOptions } from "./plan.ts";
import { planCgroups } from "./plan_cgroups.ts";
import { isWithin } from "./plan_cpusets.ts";

function plan(checkpoint: Checkpoint, host: Host, options: Partial<PlanOptions> = {}) {
  const all = { ...DEFAULT_OPTIONS, ...options };
  const mapping = mapHierarchies(checkpoint, host, all);
  deepEqual(mapping.problems, []);
  const found = planCgroups({ checkpoint, host, mapping }, all);
  return {
    ...found,
    before: found.before.map(describeStep),
    after: found.after.map(describeStep),
    freezes: found.freezes.map(describeStep),
    steps: [...found.before, ...found.after, ...found.freezes],
  };
}

function describeStep(step: CgroupStep): string {
  switch (step.kind) {
    case "make-cgroup":
      return `make ${step.path}`;
    case "set-permissions":
      return `permit ${step.path}${step.file === undefined ? "" : `/${step.file}`}`;
    case "write-property":
      return `${step.path}/${step.file} = ${step.writes.join(" | ")}`;
  }
}

function hostWith(name: string, cgroups: Cgroups, host: Partial<Host> = {}): Host {
  return buildHost({ hierarchies: [buildHierarchy(name, { cgroups })], ...host });
}

const VALUES = { "memory.oom_control": "1", "memory.limit_in_bytes": "4096" };
const SPECIAL = "/job/memory.oom_control = 1";
const OTHER = "/job/memory.limit_in_bytes = 4096";

const MODES: Readonly<Record<ManageMode, { missing: string[] | RegExp; existing: string[] | RegExp }>> = {
  none: { missing: /does not exist/, existing: [] },
  props: { missing: /does not exist/, existing: ["permit /job", OTHER] },
  soft: { missing: ["make /job", "permit /job", SPECIAL, OTHER], existing: [] },
  full: { missing: ["make /job", "permit /job", SPECIAL, OTHER], existing: ["permit /job", SPECIAL, OTHER] },
  strict: { missing: ["make /job", "permit /job", SPECIAL, OTHER], existing: /it exists/ },
  ignore: { missing: [], existing: [] },
};

Deno.test("planCgroups() follows the modes", async (t) => {
  const small = buildSmallCheckpoint([{ memory: "/job" }], { memory: { "/job": VALUES } });
  const checkpoint = {
    ...small,
    controllers: small.controllers.map((tree) => ({
      ...tree,
      directories: tree.directories.map((each) => ({ ...each, permissions: { mode: 0o700, uid: 1, gid: 1 } })),
    })),
  };
  for (const mode of MANAGE_MODES) {
    for (const state of ["missing", "existing"] as const) {
      await t.step(`${mode}, ${state}`, () => {
        const host = hostWith("memory", state === "existing" ? { "/job": {} } : {});
        const { before, after, problems } = plan(checkpoint, host, { mode });
        const wanted = MODES[mode][state];
        if (Array.isArray(wanted)) deepEqual([[...before, ...after], problems], [wanted, []]);
        else match(problems.map(({ what }) => what).join("\n"), wanted);
      });
    }
  }
});

const ROOT_SET = { "cpuset.cpus": "0-3", "cpuset.mems": "0" };
const JOB_SET = { "cpuset.cpus": "0-1", "cpuset.mems": "0" };

const CPUSETS: readonly {
  name: string;
  host: Cgroups;
  dumped: Record<string, Record<string, string>>;
  mode?: ManageMode;
  before: string[];
  problem?: RegExp;
}[] = [
  {
    name: "siblings below a directory that is not in the image",
    host: { "/": ROOT_SET },
    dumped: { "/job/p": JOB_SET },
    before: [
      "make /job",
      "/job/cpuset.cpus = 0-3",
      "/job/cpuset.mems = 0",
      "make /job/p",
      "/job/p/cpuset.cpus = 0-1",
      "/job/p/cpuset.mems = 0",
    ],
  },
  {
    name: "an existing place that is empty",
    host: { "/": ROOT_SET, "/job": ROOT_SET, "/job/p": { "cpuset.cpus": "", "cpuset.mems": "" } },
    dumped: { "/job/p": JOB_SET },
    before: ["/job/p/cpuset.cpus = 0-1", "/job/p/cpuset.mems = 0"],
  },
  {
    name: "an existing place that has a value",
    host: { "/": ROOT_SET, "/job": ROOT_SET, "/job/p": ROOT_SET },
    dumped: { "/job/p": JOB_SET },
    before: [],
  },
  {
    name: "an existing place in mode full",
    host: { "/": ROOT_SET, "/job": ROOT_SET, "/job/p": ROOT_SET },
    dumped: { "/job/p": JOB_SET },
    mode: "full",
    before: ["/job/p/cpuset.cpus = 0-1"],
  },
  {
    name: "an empty ancestor of the host",
    host: { "/": ROOT_SET, "/job": {} },
    dumped: {},
    before: [
      "/job/cpuset.cpus = 0-3",
      "/job/cpuset.mems = 0",
      "make /job/p",
      "/job/p/cpuset.cpus = 0-3",
      "/job/p/cpuset.mems = 0",
    ],
  },
  {
    name: "more than the parent has",
    host: { "/": { "cpuset.cpus": "0", "cpuset.mems": "0" } },
    dumped: { "/job/p": JOB_SET },
    before: [
      "make /job",
      "/job/cpuset.cpus = 0",
      "/job/cpuset.mems = 0",
      "make /job/p",
      "/job/p/cpuset.cpus = 0-1",
      "/job/p/cpuset.mems = 0",
    ],
    problem: /cpuset.cpus was "0-1", and the cgroup above it has "0" only/,
  },
  {
    name: "an empty place in mode none",
    host: { "/": ROOT_SET, "/job": ROOT_SET, "/job/p": { "cpuset.mems": "0" } },
    dumped: {},
    mode: "none",
    before: [],
    problem: /cpuset.cpus is empty/,
  },
];

Deno.test("planCgroups() leaves no cpuset empty", async (t) => {
  for (const row of CPUSETS) {
    await t.step(row.name, () => {
      const checkpoint = buildSmallCheckpoint([{ cpuset: "/job/p" }], { cpuset: row.dumped });
      const found = plan(checkpoint, hostWith("cpuset", row.host), { mode: row.mode ?? "soft" });
      deepEqual(found.before, row.before);
      equal(found.problems.length, row.problem === undefined ? 0 : 1);
      if (row.problem !== undefined) match(found.problems[0]?.what ?? "", row.problem);
    });
  }
});

const V2_ROOT = { "cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "cpu" };

const UNIFIED_ROWS: readonly {
  name: string;
  host?: Cgroups;
  sets?: string[];
  dumped: Record<string, Record<string, string>>;
  options?: Partial<PlanOptions>;
  before?: string[];
  after?: string[];
  freezes?: string[];
  problem?: RegExp;
  note?: RegExp;
}[] = [
  {
    name: "controllers are enabled from the root down, before anything enters",
    dumped: { "/job": { "cgroup.subtree_control": "cpu memory" }, "/job/a": { "memory.max": "4096" } },
    sets: ["/job", "/job/a"],
    before: [
      "//cgroup.subtree_control = +memory",
      "make /job",
      "/job/cgroup.subtree_control = +cpu +memory",
      "make /job/a",
    ],
    after: ["/job/a/memory.max = 4096"],
    note: /^cgroup2:\/ gets memory enabled for its children, for \/job$/,
  },
  {
    name: "an existing ancestor lacks a controller",
    host: { "/job": { "cgroup.subtree_control": "" } },
    dumped: { "/job/a": { "pids.max": "5" } },
    sets: ["/job/a"],
    before: ["//cgroup.subtree_control = +pids", "/job/cgroup.subtree_control = +pids", "make /job/a"],
    after: ["/job/a/pids.max = 5"],
  },
  {
    name: "a controller that is not to be had",
    dumped: { "/job": { "io.max": "8:0 rbps=1" } },
    problem: /does not offer it.*"\/job"/,
  },
  {
    name: "a controller that is not to be had, skipped",
    dumped: { "/job": { "io.max": "8:0 rbps=1", "cgroup.subtree_control": "io cpu" } },
    options: { onMissing: "skip" },
    before: ["make /job", "/job/cgroup.subtree_control = +cpu"],
    after: [],
    note: /^controller io: .*skipped$/,
  },
  {
    name: "threaded",
    dumped: {
      "/job": { "cgroup.subtree_control": "cpu", "cgroup.type": "domain threaded" },
      "/job/t": { "cgroup.subtree_control": "cpu", "cgroup.type": "threaded" },
    },
    before: [
      "make /job",
      "/job/cgroup.subtree_control = +cpu",
      "make /job/t",
      "/job/t/cgroup.type = threaded",
      "/job/t/cgroup.subtree_control = +cpu",
    ],
  },
  {
    name: "frozen",
    dumped: { "/job": { "cgroup.freeze": "1", "cgroup.max.depth": "max" }, "/job/a": { "cgroup.freeze": "0" } },
    before: ["make /job", "make /job/a"],
    after: ["/job/cgroup.max.depth = max"],
    freezes: ["/job/cgroup.freeze = 1"],
  },
  {
    name: "what is never written, and what nobody knows",
    dumped: { "/job": { "cgroup.kill": "1", "memory.reclaim": "1G", "x.y": "1", "cgroup.procs": "" } },
    before: ["make /job"],
    after: [],
    note: /^x\.y of cgroup2:\/job is not known: skipped$/,
  },
];

Deno.test("planCgroups() sets up cgroup v2", async (t) => {
  for (const row of UNIFIED_ROWS) {
    await t.step(row.name, () => {
      const sets = (row.sets ?? ["/job"]).map((path) => ({ "": path }));
      const host = hostWith("", { ...row.host, "/": V2_ROOT }, { unifiedControllers: ["cpu", "memory", "pids"] });
      const found = plan(buildSmallCheckpoint(sets, { "": row.dumped }), host, row.options);
      equal(found.problems.length, row.problem === undefined ? 0 : 1);
      if (row.problem !== undefined) match(found.problems[0]?.what ?? "", row.problem);
      if (row.before !== undefined) deepEqual(found.before, row.before);
      if (row.after !== undefined) deepEqual(found.after, row.after);
      if (row.freezes !== undefined) deepEqual(found.freezes, row.freezes);
      if (row.note !== undefined) ok(found.notes.some((note) => row.note?.test(note)), found.notes.join("\n"));
    });
  }
});

const PROPERTIES: readonly [hierarchy: string, values: Record<string, string>, steps: string[]][] = [
  ["devices", { "devices.list": "a *:* rwm" }, []],
  ["devices", { "devices.list": "c 1:3 rwm\nb *:* m" }, [
    "/job/devices.deny = a",
    "/job/devices.allow = c 1:3 rwm | b *:* m",
  ]],
  ["net_cls,net_prio", { "net_prio.ifpriomap": "lo 0\neth0 5" }, ["/job/net_prio.ifpriomap = eth0 5"]],
  ["net_cls,net_prio", { "net_prio.ifpriomap": "lo 0" }, []],
  ["cpu", { "cpu.cfs_quota_us": "5000", "cpu.cfs_period_us": "10000", "cpu.shares": "2" }, [
    "/job/cpu.shares = 2",
    "/job/cpu.cfs_period_us = 10000",
    "/job/cpu.cfs_quota_us = 5000",
  ]],
  ["memory", { "memory.memsw.limit_in_bytes": "-1", "memory.limit_in_bytes": "8192", "memory.force_empty": "0" }, [
    "/job/memory.limit_in_bytes = 8192",
    "/job/memory.memsw.limit_in_bytes = -1",
  ]],
  ["blkio", { "blkio.throttle.read_bps_device": "8:0 1\n8:16 2", "blkio.weight_device": "" }, [
    "/job/blkio.throttle.read_bps_device = 8:0 1 | 8:16 2",
  ]],
  ["hugetlb", { "hugetlb.2MB.limit_in_bytes": "2097152" }, ["/job/hugetlb.2MB.limit_in_bytes = 2097152"]],
  ["freezer", { "freezer.state": "FROZEN" }, ["/job/freezer.state = FROZEN"]],
  ["freezer", { "freezer.state": "THAWED" }, []],
  ["cpu", { release_agent: "/bin/evil", "cgroup.event_control": "1 2", notify_on_release: "1", tasks: "" }, [
    "/job/notify_on_release = 1",
  ]],
];

Deno.test("planCgroups() writes v1 properties", async (t) => {
  for (const [hierarchy, values, steps] of PROPERTIES) {
    await t.step(`${Object.entries(values).join("; ")}`, () => {
      const checkpoint = buildSmallCheckpoint([{ [hierarchy]: "/job" }], { [hierarchy]: { "/job": values } });
      const found = plan(checkpoint, hostWith(hierarchy, {}));
      deepEqual([...found.before, ...found.after, ...found.freezes], ["make /job", ...steps]);
    });
  }
});

Deno.test("planCgroups() forgives a refused write of what nobody would miss only", () => {
  const values = { "memory.kmem.limit_in_bytes": "9223372036854771712", "memory.limit_in_bytes": "8192" };
  const checkpoint = buildSmallCheckpoint([{ memory: "/job" }], { memory: { "/job": values } });
  const tolerated = plan(checkpoint, hostWith("memory", {})).steps.flatMap((step) =>
    step.kind === "write-property" ? [[step.file, step.tolerated.length > 0]] : []
  );
  deepEqual(tolerated, [["memory.kmem.limit_in_bytes", true], ["memory.limit_in_bytes", false]]);
});

Deno.test("planCgroups() touches nothing where cgrestore is anyway", () => {
  const host = buildHost({ hierarchies: [buildHierarchy("cpu", { ownPath: "/me" })] });
  deepEqual(plan(buildSmallCheckpoint([{ cpu: "/me" }]), host, { mode: "strict" }).before, []);
});

Deno.test("planCgroups() makes real siblings below a parent that no image has", async (t) => {
  for (const host of ["v1", "mixed"]) {
    await t.step(host, () => {
      const captured = capturedHost(host, { cpuset: { "/": ROOT_SET } });
      const found = plan(readCheckpoint("v1-siblings-criu4"), captured, { onMissing: "skip" });
      deepEqual(found.problems, []);
      const ofCpuset = found.steps.filter(({ hierarchy }) => hierarchy === "cpuset").map(describeStep);
      deepEqual(ofCpuset.slice(0, 4), [
        "make /job",
        "/job/cpuset.cpus = 0-3",
        "/job/cpuset.mems = 0",
        "make /job/c1",
      ]);
      ok(found.steps.some((step) => describeStep(step) === "/job/c1/memory.limit_in_bytes = 134217728"));
    });
  }
});

Deno.test("isWithin() compares lists of cpus", async (t) => {
  const rows: [inner: string, outer: string, within: boolean][] = [
    ["0-1", "0-3", true],
    ["0,2", "0-3", true],
    ["0-3", "0-1,2-3", true],
    ["0-3", "0,2-3", false],
    ["4", "0-3", false],
    ["", "0", true],
  ];
  for (const [inner, outer, within] of rows) {
    await t.step(`${inner} in ${outer}`, () => equal(isWithin(inner, outer), within));
  }
});
