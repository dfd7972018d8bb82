import { equal, match, ok } from "node:assert/strict";
import type { ContentsPlan } from "../plan/contents/contents_plan.ts";
import type { Entrance, ExpectedTask, Plan, TaskProgram } from "../plan/plan.ts";
import { EMPTY_PLAN } from "../../tests/support/plan_inputs.ts";
import { renderPlan } from "./render_plan.ts";

const SMALL: Plan = {
  ...EMPTY_PLAN,
  coordinator: [{ kind: "create-task", pid: 7, as: "sibling" }],
  tasks: [{ pid: 7, role: "task", comm: "init", maker: 0, steps: [], threads: [] }],
  expectedTasks: [anExpectedTask({ pid: 7, comm: "init" })],
};

function anExpectedTask(part: Partial<ExpectedTask> & { readonly pid: number }): ExpectedTask {
  return {
    parent: 0,
    group: 7,
    session: 7,
    state: "alive",
    exitStatus: 0,
    stopSignal: 0,
    comm: "work",
    threads: [],
    ...part,
  };
}

Deno.test("renderPlan() says that there is nothing to do about cgroups", () => {
  equal(
    renderPlan(SMALL, { color: false }),
    `1 task
Nothing to do about cgroups: every task stays where it is born

Tasks
  7 init  alive, leads session 7
`,
  );
});

const FULL: Plan = {
  ...SMALL,
  hierarchies: [
    { kind: "open-hierarchy", hierarchy: "", method: "bind", source: "/sys/fs/cgroup", options: "", isNew: false },
    {
      kind: "open-hierarchy",
      hierarchy: "name=x",
      method: "mount",
      source: "cgroup",
      options: "none,name=x",
      isNew: true,
    },
  ],
  cgroups: [
    { kind: "make-cgroup", hierarchy: "", path: "/job", reason: "set 3" },
    {
      kind: "set-permissions",
      hierarchy: "",
      path: "/job",
      mode: 0o755,
      uid: 0,
      gid: 5,
      optional: false,
    },
    {
      kind: "set-permissions",
      hierarchy: "",
      path: "/job",
      file: "cgroup.procs",
      mode: 0o644,
      uid: 0,
      gid: 5,
      optional: true,
    },
    {
      kind: "write-property",
      hierarchy: "",
      path: "/",
      file: "cgroup.subtree_control",
      writes: ["+cpu", "+pids"],
      expected: "cpu pids",
      inNewCgroup: false,
      tolerated: [],
      reason: "for /job",
    },
  ],
  coordinator: [{ kind: "create-task", pid: 7, as: "sibling", into: "/job" }],
  tasks: [
    {
      pid: 7,
      role: "task",
      comm: "in\x1bit",
      maker: 0,
      steps: [
        { kind: "attach", hierarchy: "name=x", path: "/a", file: "cgroup.procs" },
        { kind: "create-task", pid: 8, as: "child", into: "/job/c" },
        { kind: "create-task", pid: 9, as: "child" },
        { kind: "create-thread", tid: 12 },
        { kind: "attach", hierarchy: "name=x", path: "/", file: "tasks" },
      ],
      threads: [{
        tid: 12,
        comm: "io",
        steps: [{ kind: "attach", hierarchy: "name=x", path: "/t", file: "tasks" }],
      }],
    },
    {
      pid: 8,
      role: "task",
      comm: "sh",
      maker: 7,
      steps: [{ kind: "create-task", pid: 10, as: "child" }],
      threads: [],
    },
    {
      pid: 9,
      role: "helper",
      comm: "helper",
      maker: 7,
      steps: [{ kind: "create-task", pid: 11, as: "sibling" }],
      threads: [],
    },
    { pid: 10, role: "task", comm: "gone", maker: 8, steps: [], threads: [] },
    { pid: 11, role: "task", comm: "stop", maker: 9, steps: [], threads: [] },
  ],
  endings: [
    { pid: 11, step: { kind: "set-group", group: 9 } },
    { pid: 10, step: { kind: "exit", status: 0x300 } },
    { pid: 9, step: { kind: "exit", status: 0 } },
    { pid: 7, step: { kind: "reap", child: 9 } },
    { pid: 7, step: { kind: "set-child-subreaper", on: true } },
  ],
  lateMoves: [{ pid: 8, hierarchy: "freezer", path: "/cold" }],
  properties: [{
    kind: "write-property",
    hierarchy: "",
    path: "/job",
    file: "pids.max",
    writes: ["12"],
    expected: "12",
    inNewCgroup: true,
    tolerated: [],
    reason: "dumped",
  }],
  freezes: [{
    kind: "write-property",
    hierarchy: "freezer",
    path: "/cold",
    file: "freezer.state",
    writes: ["FROZEN"],
    expected: "FROZEN",
    inNewCgroup: true,
    tolerated: [],
    reason: "dumped",
  }],
  expectedTasks: [
    anExpectedTask({ pid: 7, comm: "init" }),
    anExpectedTask({ pid: 8, comm: "sh", parent: 7, group: undefined, session: undefined }),
    anExpectedTask({ pid: 10, comm: "gone", parent: 8, state: "zombie", exitStatus: 0x300 }),
    anExpectedTask({ pid: 11, comm: "stop", parent: 7, group: 11, state: "stopped", stopSignal: 19 }),
  ],
  newPidNamespace: true,
  namespaces: [],
  counts: { writes: 3, originWrites: 9, createdInPlace: 2 },
  notes: ["net_cls is not on this host"],
};

Deno.test("renderPlan() tells everything, in the order in which it is done", () => {
  equal(
    renderPlan(FULL, { color: false }),
    `4 tasks, 1 further thread, 1 helper task
3 cgroup writes (the origin's rule: 9; 2 tasks created in place)

Hierarchies to open
  cgroup2: clone the mount at /sys/fs/cgroup
  name=x: mount cgroup with none,name=x, which makes the hierarchy

Cgroups, before the tasks
  cgroup2:/job  new (set 3)
    mode 0755, owner 0:5
    cgroup.procs: mode 0644, owner 0:5, if it exists
  cgroup2:/
    cgroup.subtree_control = +cpu, then +pids  (for /job)

Tasks, in a new pid namespace
  7 in\\x1bit  alive, leads session 7, 1 further thread, made in cgroup2:/job
  │   moves to name=x:/a; makes 8, 9, 12; moves this thread to name=x:/
  │   thread 12 io moves this thread to name=x:/t
  ├── 8 sh  alive, session of cgrestore, group of cgrestore, made in cgroup2:/job/c
  │   └── 10 gone  zombie (exit status 3), session 7, group 7
  ├── 9 helper  helper
  └── 11 stop  stopped by signal 19, session 7, leads group 11, made by 9

Once every task exists
  11 goes to group 9
  10 ends: exit status 3
  9 ends: exit status 0
  7 waits for 9, which has ended
  7 becomes a child subreaper

Moves from outside
  8 to freezer:/cold

Properties, after the tasks
  cgroup2:/job
    pids.max = 12  (dumped)

Freezer states, last of all
  freezer:/cold
    freezer.state = FROZEN  (dumped)

Notes
  Note: net_cls is not on this host
`,
  );
});

Deno.test("renderPlan() tells when the root fills namespaces", () => {
  const [root, ...others] = FULL.tasks;
  const move = { kind: "attach", hierarchy: "memory", path: "/mem", file: "cgroup.procs" } as const;
  const tasks = [{ ...root!, steps: [move, { kind: "fill-namespaces" } as const, ...root!.steps] }, ...others];
  const text = renderPlan({ ...FULL, tasks }, { color: false });
  match(text, /^ {2}│ {3}moves to memory:\/mem; fills namespaces; moves to name=x:\/a; makes 8/m);
});

Deno.test("renderPlan() tells of deputies", () => {
  const move = { kind: "attach", hierarchy: "memory", path: "/me\nm", file: "cgroup.procs" } as const;
  const deputies: readonly Entrance[] = [{ into: "/job", moves: [move] }, { moves: [move] }];
  const contents = { deputies, namespaces: {} } as unknown as ContentsPlan;
  const text = renderPlan({ ...FULL, contents }, { color: false });
  const [, lines] = /^Deputies, .*\n((?: {2}.*\n)*)/m.exec(text) ?? [];
  equal(lines, "  one is made in cgroup2:/job; moves to memory:/me\\nm\n  one moves to memory:/me\\nm\n");
});

Deno.test("renderPlan() names the pid namespace that tasks are made in", () => {
  const joinedPidNamespace = { fd: 5, key: "out\ner", link: "pid:[7]", outsiders: new Map() };
  const text = renderPlan({ ...FULL, newPidNamespace: false, joinedPidNamespace }, { color: false });
  match(text, /^Tasks, in the pid namespace behind descriptor 5, for "out\\ner"$/m);
});

Deno.test("renderPlan() colours only when asked", () => {
  ok(renderPlan(FULL, { color: true }).includes("\x1b[1mTasks, in a new pid namespace\x1b[22m"));
  ok(!renderPlan(FULL, { color: false }).includes("\x1b"));
});

Deno.test("renderPlan() is fast for many tasks, wide and deep", async (t) => {
  for (const shape of ["wide", "deep"]) {
    await t.step(shape, () => {
      const tasks = Array.from({ length: 10_000 }, (_, index): TaskProgram => ({
        pid: index + 1,
        role: "task",
        comm: "work",
        maker: index === 0 ? 0 : shape === "wide" ? 1 : index,
        steps: shape === "deep" ? [{ kind: "create-task", pid: index + 2, as: "child" }] : [],
        threads: [],
      }));
      // A busy machine has other things to do, too.
      const times = Array.from({ length: 5 }, () => {
        const start = performance.now();
        const text = renderPlan({ ...SMALL, tasks, expectedTasks: [] }, { color: false });
        ok(text.split("\n").length > 10_000);
        return performance.now() - start;
      });
      ok(Math.min(...times) < 1000, "slower than a second");
    });
  }
});
