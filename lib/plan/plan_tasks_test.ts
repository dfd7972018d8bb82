import assert from "node:assert/strict";
import fc from "fast-check";
import type { Hierarchy, Host, HostCgroup } from "../host/host.ts";
import type { Checkpoint, Task } from "../model/checkpoint.ts";
import type { Attach, Ending, TaskProgram, TaskStep, ThreadStep } from "./plan.ts";
import { planTasks, type TaskQuestions, type TasksPlan } from "./plan_tasks.ts";
import { checkpointOf, randomFrom, randomHistory } from "../../tests/support/random_history.ts";
import { OUTSIDE, simulateTasks } from "../../tests/support/simulate_tasks.ts";

const MODES = { mode: "soft", shellJob: false, pidNamespace: false } as const;

function hierarchy(name: string, cgroups: Record<string, Record<string, string>> = {}): Hierarchy {
  const values = Object.entries(cgroups).map(([path, files]): [string, HostCgroup] => [
    path,
    { mode: 0o755, uid: 0, gid: 0, values: new Map(Object.entries(files)) },
  ]);
  return { name, version: name === "" ? 2 : 1, ownPath: "/", cgroups: new Map(values) };
}

function hostOf(hierarchies: readonly Hierarchy[], over: Partial<Host> = {}): Host {
  return {
    hierarchies,
    looseControllers: [],
    unifiedControllers: [],
    takenPids: new Map(),
    freePids: Array.from({ length: 100 }, (_, index) => 9000 + index),
    pidMax: 4_194_304,
    kernel: [6, 1],
    machine: "x86_64",
    capabilities: new Set(),
    ...over,
  };
}

/** `"10 7 s7 g7 @2 Z"`: pid, parent, session, group, set, and flags: Z zombie, R subreaper, T stopped, "t12@3" thread. */
function parseTask(line: string): Task {
  const [pid = "", parent = "", ...words] = line.split(" ");
  const number = (letter: string) => {
    const word = words.find((other) => other.startsWith(letter));
    return word === undefined ? undefined : Number(word.slice(letter.length));
  };
  const set = number("@");
  const state = words.includes("Z") ? "zombie" : words.includes("T") ? "stopped" : "alive";
  const threads = words.filter((word) => word.startsWith("t")).map((word) => {
    const [tid, own] = word.slice(1).split("@");
    return { tid: Number(tid), comm: "job", ...own === undefined ? {} : { set: Number(own) } };
  });
  return {
    pid: Number(pid),
    parent: Number(parent),
    session: number("s") ?? 1,
    group: number("g") ?? number("s") ?? 1,
    state,
    exitStatus: state === "zombie" ? 256 : 0,
    stopSignal: 0,
    childSubreaper: words.includes("R"),
    comm: words.find((word) => word.startsWith("c:"))?.slice(2) ?? "job",
    ...set === undefined || state === "zombie" ? {} : { set },
    threads,
  };
}

function describeStep(step: TaskStep | ThreadStep | Ending["step"]): string {
  const describeAttach = ({ hierarchy: name, path, file }: Attach) =>
    `${name}:${path}${file === "cgroup.procs" ? "" : ` (${file})`}`;
  switch (step.kind) {
    case "attach":
      return describeAttach(step);
    case "create-task":
      return `${step.as === "child" ? "+" : "^"}${step.pid}${step.into === undefined ? "" : ` into ${step.into}`}`;
    case "create-thread":
      return `thread ${step.tid}`;
    case "set-name":
      return `name ${step.comm}`;
    case "new-session":
      return "setsid";
    case "set-group":
      return `group ${step.group}`;
    case "unshare-cgroup-namespace":
      return "unshare";
    case "set-child-subreaper":
      return `subreaper ${step.on ? "on" : "off"}`;
    case "exit":
      return `exit ${step.status}`;
    case "reap":
      return `reap ${step.child}`;
  }
}

function describeProgram({ pid, role, steps, threads }: TaskProgram): string[] {
  const own = `${role === "helper" ? "helper " : ""}${pid}: ${steps.map(describeStep).join(", ")}`;
  return [
    own.trim(),
    ...threads.map(({ tid, steps: list }) => `  ${tid}: ${list.map(describeStep).join(", ")}`.trimEnd()),
  ];
}

function describePlan(plan: TasksPlan): string[] {
  const endings = plan.endings.map(({ pid, step }) => `${pid} ${describeStep(step)}`);
  return [
    ...plan.tasks.flatMap(describeProgram),
    ...endings.length > 0 ? [`end: ${endings.join("; ")}`] : [],
    ...plan.lateMoves.map(({ pid, hierarchy: name, path }) => `late: ${pid} ${name}:${path}`),
  ];
}

/** Set N is `/N` in every hierarchy, unless `places` says otherwise. */
function placesOf(hierarchies: readonly Hierarchy[], sets: Iterable<number>): Map<number, Map<string, string>> {
  return new Map([...sets].map((set) => [set, new Map(hierarchies.map(({ name }) => [name, `/${set}`]))]));
}

function questionsOf(checkpoint: Checkpoint, host: Host): TaskQuestions {
  const sets = checkpoint.tasks.flatMap(({ set, threads }) => [set, ...threads.map((thread) => thread.set)]);
  return { checkpoint, host, places: placesOf(host.hierarchies, sets.filter((set) => set !== undefined)) };
}

interface Row {
  readonly name: string;
  readonly tasks: readonly string[];
  readonly plan?: readonly string[];
  readonly problems?: readonly string[];
  readonly options?: Partial<Parameters<typeof planTasks>[1]>;
  readonly host?: Host;
  readonly namespaceRoot?: Map<string, string>;
}

const CPU = hostOf([hierarchy("cpu")]);

const ROWS: readonly Row[] = [
  //ROWS//
];

Deno.test("planTasks() plans small trees", async (t) => {
  for (const row of ROWS) {
    await t.step(row.name, () => {
      const checkpoint = checkpointOf(row.tasks.map(parseTask));
      const host = row.host ?? CPU;
      const namespace = row.namespaceRoot === undefined ? {} : { namespaceRoot: row.namespaceRoot };
      const plan = planTasks({ ...questionsOf(checkpoint, host), ...namespace }, { ...MODES, ...row.options });
      const problems = plan.problems.map(({ where, what }) => `${where}: ${what}`);
      if (Deno.env.get("SHOW")) {
        console.log(row.name + "\n" + JSON.stringify(row.problems ? problems : describePlan(plan), null, 2));
      }
      assert.deepEqual(problems, row.problems ?? []);
      if (row.plan === undefined) return;
      assert.deepEqual(describePlan(plan), row.plan);
      compareWithCheckpoint({ checkpoint, host, plan });
    });
  }
});

interface Outcome {
  readonly checkpoint: Checkpoint;
  readonly host: Host;
  readonly plan: TasksPlan;
  readonly choose?: (count: number) => number;
}

/** Runs the plan on the simulated kernel and compares every task with what was to be restored. */
function compareWithCheckpoint({ checkpoint, host, plan, choose }: Outcome): void {
  const { tasks, writes } = simulateTasks(plan, host, choose);
  assert.equal(writes, plan.counts.writes);
  assert.deepEqual([...tasks.keys()].sort(), checkpoint.tasks.map(({ pid }) => pid).sort());
  const placeOf = (index: number | undefined) =>
    new Map(plan.places[index ?? 0]?.members.map(({ hierarchy: name, path }) => [name, path]));
  for (const expected of plan.expectedTasks) {
    const task = tasks.get(expected.pid)!;
    const { pid, parent, session = OUTSIDE, group = OUTSIDE, comm, threads } = expected;
    const actual = { pid, parent: task.parent, session: task.session, group: task.group, comm: task.comm };
    assert.deepEqual(actual, { pid, parent, session, group, comm });
    const original = checkpoint.tasks.find((other) => other.pid === pid)!;
    assert.deepEqual({ pid, parent }, { pid: original.pid, parent: original.parent });
    assert.equal(task.isSubreaper, original.childSubreaper);
    assert.equal(task.status, original.state === "zombie" ? original.exitStatus : undefined);
    if (expected.place !== undefined) assert.deepEqual(task.places, placeOf(expected.place));
    for (const { tid, comm: name, place } of threads) {
      assert.deepEqual(task.threads.get(tid), { comm: name, places: placeOf(place) });
    }
  }
}

const NAMES = ["cpu", "memory", "name=x", "pids", ""];

Deno.test("planTasks() restores what any history of forks, exits and moves leaves behind", () => {
  const histories = fc.record({
    seed: fc.integer(),
    events: fc.integer({ min: 0, max: 150 }),
    sets: fc.integer({ min: 1, max: 6 }),
    kind: fc.constantFrom("init" as const, "leader" as const, "job" as const),
    names: fc.subarray(NAMES, { minLength: 1 }),
    old: fc.boolean(),
  });
  let unsolved = 0;
  const runs = 4000;
  const check = fc.property(histories, ({ seed, names, old, ...options }) => {
    const random = randomFrom(seed);
    const checkpoint = randomHistory(random, options);
    const host = hostOf(names.map((name) => hierarchy(name)), { kernel: old ? [5, 6] : [6, 1] });
    const places = new Map(Array.from({ length: options.sets }, (_, set) => [
      set,
      new Map(names.filter(() => random(8) > 0).map((name) => [name, `/${random(1 + random(4))}`])),
    ]));
    const plan = planTasks({ checkpoint, host, places }, { ...MODES, shellJob: true });
    if (plan.problems.length > 0) {
      unsolved++;
      if (Deno.env.get("SHOW")) console.log(plan.problems[0], seed, options);
      return;
    }
    compareWithCheckpoint({ checkpoint, host, plan });
    compareWithCheckpoint({ checkpoint, host, plan, choose: () => 0 });
    compareWithCheckpoint({ checkpoint, host, plan, choose: random });
    assert(plan.counts.writes <= plan.counts.originWrites, "never more writes than comparing whole sets");
  });
  fc.assert(check, { numRuns: runs, seed: 1 });
  assert(unsolved < runs / 100, `${unsolved} of ${runs} histories are refused`);
});

/** Fewest writes for one hierarchy and the plan's own order of births, by trying every walk of every maker. */
function fewestWrites(plan: TasksPlan, homes: ReadonlyMap<number, string>): number {
  const paths = ["/", ...new Set(homes.values())];
  const programs = new Map(plan.tasks.map((program) => [program.pid, program]));
  const from = (pid: number, place: string, born: number): number => {
    const births = programs.get(pid)!.steps.filter((step) => step.kind === "create-task");
    const birth = births[born];
    if (birth === undefined) return homes.get(pid) === place ? 0 : 1;
    const costs = paths.map((next) => (next === place ? 0 : 1) + from(birth.pid, next, 0) + from(pid, next, born + 1));
    return Math.min(...costs);
  };
  return from(plan.tasks[0]!.pid, "/", 0);
}

Deno.test("planTasks() needs no more writes than the best of all walks", () => {
  const trees = fc.array(fc.record({ parent: fc.nat(4), set: fc.integer({ min: 0, max: 3 }) }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(trees, (nodes) => {
      const lines = nodes.map(({ parent, set }, index) =>
        `${index + 1} ${index === 0 ? 0 : 1 + parent % index} @${set}`
      );
      const checkpoint = checkpointOf(lines.map(parseTask));
      const plan = planTasks(questionsOf(checkpoint, CPU), MODES);
      const homes = new Map(checkpoint.tasks.map(({ pid, set }) => [pid, `/${set}`]));
      assert.equal(plan.counts.writes, fewestWrites(plan, homes));
    }),
    { numRuns: 3000, seed: 1 },
  );
});

Deno.test("planTasks() plans 10,000 tasks in no time", async (t) => {
  const random = randomFrom(7);
  const count = 10_000;
  const shapes: Record<string, (index: number) => number> = {
    star: () => 1,
    chain: (index) => index,
    tree: (index) => 1 + random(index),
  };
  const hierarchies = [
    "",
    "blkio",
    "cpu,cpuacct",
    "cpuset",
    "devices",
    "freezer",
    "memory",
    "net_cls",
    "pids",
    "name=systemd",
  ];
  for (const [shape, parentOf] of Object.entries(shapes)) {
    for (const sets of [5, count]) {
      await t.step(`${shape}, ${sets} sets`, () => {
        const lines = Array.from({ length: count }, (_, index) => {
          return `${index + 1} ${index === 0 ? 0 : parentOf(index)} @${sets === count ? index % 5000 : random(sets)}`;
        });
        const questions = questionsOf(
          checkpointOf(lines.map(parseTask)),
          hostOf(hierarchies.map((name) => hierarchy(name))),
        );
        planTasks(questions, MODES);
        const start = performance.now();
        const plan = planTasks(questions, MODES);
        const milliseconds = performance.now() - start;
        assert.deepEqual(plan.problems, []);
        assert(plan.counts.writes <= plan.counts.originWrites);
        if (Deno.env.get("SHOW")) console.log(shape, sets, milliseconds, plan.counts);
        assert(milliseconds < 1500, `${milliseconds} ms`);
      });
    }
  }
});
