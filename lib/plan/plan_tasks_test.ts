import assert from "node:assert/strict";
import fc from "fast-check";
import type { Hierarchy, Host, HostCgroup } from "../host/host.ts";
import type { Checkpoint, Task } from "../model/checkpoint.ts";
import type { Attach, Ending, TaskProgram, TaskStep, ThreadStep } from "./plan.ts";
import { planTasks, type TaskQuestions, type TasksPlan } from "./plan_tasks.ts";
import { buildHost } from "../../tests/support/plan_inputs.ts";
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
  const freePids = Array.from({ length: 100 }, (_, index) => 9000 + index);
  return buildHost({ hierarchies, freePids, pidMax: 4_194_304, ...over });
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
    case "take-terminal":
      return "terminal";
    case "set-group":
      return `group ${step.group}`;
    case "unshare-cgroup-namespace":
      return "unshare";
    case "set-child-subreaper":
      return `subreaper ${step.on ? "on" : "off"}`;
    case "fill-namespaces":
      return "fill";
    case "restore-memory":
      return "memory";
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
  readonly joinsPidNamespace?: boolean;
  readonly questions?: Pick<TaskQuestions, "fillsNamespaces" | "entersUserNamespace">;
}

const CPU = hostOf([hierarchy("cpu")]);

const ROWS: readonly Row[] = [
  { name: "one task", tasks: ["1 0"], plan: ["1: name job, setsid"] },
  {
    name: "a tree in one set costs one write",
    tasks: ["1 0 @2", "2 1 @2", "3 2 @2"],
    plan: ["1: name job, setsid, cpu:/2, +2", "2: +3", "3:"],
  },
  {
    name: "the master walks through its workers' place",
    tasks: ["1 0 @2", "2 1 @3", "3 1 @3", "4 1 @3", "5 1 @2"],
    plan: ["1: name job, setsid, cpu:/3, +2, +3, +4, cpu:/2, +5", "2:", "3:", "4:", "5:"],
  },
  {
    name: "children born before setsid",
    tasks: ["1 0", "5 1 s5", "6 5", "7 5 s5"],
    plan: ["1: name job, setsid, +5", "5: +6, setsid, +7", "6:", "7:"],
  },
  {
    name: "a grandchild in the oldest session",
    tasks: ["1 0", "5 1 s5", "6 5 s6", "7 6"],
    plan: ["1: name job, setsid, +5", "5: +6, setsid", "6: +7, setsid", "7:"],
  },
  {
    name: "the leader of a session is gone",
    tasks: ["1 0", "6 1 s5", "7 1 s5", "8 7 s5"],
    plan: ["1: name job, setsid, +5", "helper 5: setsid, ^6, ^7", "6:", "7: +8", "8:", "end: 5 exit 0; 1 reap 5"],
  },
  {
    name: "a leader born in a session whose leader is gone",
    tasks: ["1 0", "6 1 s5", "7 1 s7", "8 7 s5"],
    plan: [
      "1: name job, setsid, +5",
      "helper 5: setsid, ^6, ^7",
      "6:",
      "7: +8, setsid",
      "8:",
      "end: 5 exit 0; 1 reap 5",
    ],
  },
  {
    name: "the leader is a sibling of an orphan",
    tasks: ["1 0", "5 1 s5", "7 1 s5"],
    plan: ["1: name job, setsid, +5", "5: setsid, ^7", "7:"],
  },
  {
    name: "an orphan of a leader further down",
    tasks: ["1 0 s1 R", "4 1", "5 4 s5", "7 1 s5"],
    plan: [
      "1: name job, subreaper on, setsid, +4",
      "4: +5",
      "5: setsid, +2",
      "helper 2: +7",
      "7:",
      "end: 2 exit 0; 5 reap 2",
    ],
  },
  {
    name: "outside a pid namespace, an adopter is a subreaper for a moment",
    tasks: ["100 0 s100", "104 100 s100", "105 104 s105", "107 100 s105"],
    plan: [
      "100: name job, setsid, +104",
      "104: +105",
      "105: setsid, +9000",
      "helper 9000: +107",
      "107:",
      "end: 100 subreaper on; 9000 exit 0; 105 reap 9000; 100 subreaper off",
    ],
  },
  {
    name: "a subreaper in between becomes it only after the adoption",
    tasks: ["100 0 s100 R", "104 100 s100 R", "105 104 s105", "107 100 s105"],
    plan: [
      "100: name job, subreaper on, setsid, +104",
      "104: +105",
      "105: setsid, +9000",
      "helper 9000: +107",
      "107:",
      "end: 9000 exit 0; 105 reap 9000; 104 subreaper on",
    ],
  },
  {
    name: "a session that no task can have",
    tasks: ["1 0", "4 1 s4", "5 4 s5", "6 1", "7 6 s5"],
    problems: [
      "task 7: is in session 5, in which its parent 6 never was, and whose leader, task 5, can neither make it as a sibling nor orphan it to its parent",
    ],
  },
  {
    name: "groups of a shell",
    tasks: ["1 0", "5 1 g5", "6 1 g5", "7 5 g5"],
    plan: ["1: name job, setsid, +5, +6", "5: group 5, +7", "7:", "6:", "end: 6 group 5"],
  },
  {
    name: "the leader of a group is gone",
    tasks: ["1 0", "6 1 g5", "7 1 g5"],
    plan: [
      "1: name job, setsid, +6, +7",
      "6: +5",
      "helper 5: group 5",
      "7:",
      "end: 6 group 5; 7 group 5; 5 exit 0; 6 reap 5",
    ],
  },
  {
    name: "a leader that moved to another group",
    tasks: ["1 0", "5 1 g6", "6 1 g6", "7 1 g5"],
    plan: ["1: name job, setsid, +5, +6, +7", "5: group 5", "6: group 6", "7:", "end: 7 group 5; 5 group 6"],
  },
  {
    name: "a group in another session",
    tasks: ["1 0", "5 1 s5", "6 1 g5"],
    problems: ["task 6: is in group 5 of session 1, whose leader or other members are in another session"],
  },
  {
    name: "zombies lead groups and end last",
    tasks: ["1 0", "5 1 g5 Z", "6 1 g5", "7 1 s7 Z", "8 1 s7"],
    plan: [
      "1: name job, setsid, +5, +6, +7",
      "5: group 5",
      "6:",
      "7: setsid, ^8",
      "8:",
      "end: 6 group 5; 5 exit 256; 7 exit 256",
    ],
  },
  {
    name: "a child of a zombie",
    tasks: ["1 0", "5 1 Z", "6 5"],
    problems: ["task 6: is a child of task 5, which is a zombie"],
  },
  {
    name: "the outside of a pid namespace is inherited",
    tasks: ["1 0 s0 g0", "5 1 g5 s0", "6 5 s0 g0", "7 6 s7"],
    plan: ["1: name job, +5", "5: +6, group 5", "6: +7", "7: setsid"],
  },
  {
    name: "a root that leads no session",
    tasks: ["100 0 s50", "101 100 s50"],
    problems: [
      "task 100: is the root, and in session 50 of a task that was not dumped: use --shell-job to put it in cgrestore's own session",
    ],
  },
  {
    name: "a shell job keeps session and group of cgrestore",
    tasks: ["100 0 s50 g60", "101 100 s50 g101", "102 101 s50 g60"],
    options: { shellJob: true },
    plan: ["100: name job, +101", "101: +102, group 101", "102:"],
  },
  {
    name: "pids that cannot be had",
    tasks: ["100 0 s100", "101 100 s100 t102", "200 100 s100"],
    host: hostOf([], {
      takenPids: new Map([[101, "process sshd, which has to end first"], [102, "a process group"]]),
      pidMax: 200,
    }),
    problems: [
      "task 101: its pid is taken on this host by process sshd, which has to end first",
      "thread 102 of task 101: its pid is taken on this host by a process group",
      "task 200: its pid is not below kernel.pid_max, which is 200",
    ],
  },
  {
    name: "pids that cannot be had in a pid namespace that is there",
    tasks: ["100 0 s100"],
    joinsPidNamespace: true,
    host: hostOf([], { takenPids: new Map([[100, "process sshd, 4711 here, which has to end first"]]) }),
    problems: [
      "task 100: its pid is taken in the pid namespace that is provided by process sshd, 4711 here, which has to end first",
    ],
  },
  {
    name: "too few free pids",
    tasks: ["100 0 s100", "104 100 s100", "105 104 s105", "107 100 s105"],
    host: hostOf([], { freePids: [] }),
    problems: ["helper tasks: too few pids are free on this host, by 1"],
  },
  {
    name: "a pid namespace without pid 1",
    tasks: ["100 0 s100"],
    options: { pidNamespace: true },
    problems: ["task 100: is the root, but a new pid namespace has pid 1 as its root: restore without --pid-namespace"],
  },
  {
    name: "names are set where they differ",
    tasks: ["1 0 c:cgrestore", "2 1 c:a", "3 2 c:a"],
    plan: ["1: setsid, +2", "2: name a, +3", "3:"],
  },
  {
    name: "threads come last, and move themselves",
    tasks: ["1 0 @2 t10 t11@3", "2 1 @4"],
    host: hostOf([hierarchy("cpu"), hierarchy("")]),
    plan: [
      "1: name job, :/2, setsid, cpu:/4, +2 into /4, cpu:/2, thread 10, thread 11",
      "  10:",
      "  11: cpu:/3 (tasks), :/3 (cgroup.threads)",
      "2:",
    ],
  },
  {
    name: "v2 children are created in place",
    tasks: ["1 0 @2", "2 1 @3", "3 2 @3", "4 2 @2"],
    host: hostOf([hierarchy("")]),
    plan: ["1: name job, :/2, setsid, +2 into /3", "2: +3, +4 into /2", "3:", "4:"],
  },
  {
    name: "old kernels walk on v2 as well",
    tasks: ["1 0 @2", "2 1 @3", "3 1 @3"],
    host: hostOf([hierarchy("")], { kernel: [5, 6] }),
    plan: ["1: name job, setsid, :/3, +2, +3, :/2", "2:", "3:"],
  },
  {
    name: "the root unshares its cgroup namespace between two moves",
    tasks: ["1 0 @2", "2 1 @3"],
    host: hostOf([hierarchy("cpu"), hierarchy("pids")]),
    namespaceRoot: new Map([["cpu", "/2"], ["pids", "/n"]]),
    plan: ["1: name job, cpu:/2, pids:/n, unshare, setsid, pids:/3, +2, pids:/2", "2: cpu:/3"],
  },
  {
    name: "the root is at home before it fills namespaces, where memory is charged",
    tasks: ["1 0 @2 R", "2 1 @3"],
    host: hostOf([hierarchy("cpu"), hierarchy("memory")]),
    questions: { fillsNamespaces: true },
    plan: ["1: name job, subreaper on, memory:/2, fill, setsid, cpu:/3, +2, cpu:/2", "2: memory:/3"],
  },
  {
    name: "the root fills namespaces when it has its cgroup namespace",
    tasks: ["1 0 @2", "2 1 @3"],
    host: hostOf([hierarchy("memory"), hierarchy("")]),
    namespaceRoot: new Map([["memory", "/n"], ["", "/n"]]),
    questions: { fillsNamespaces: true },
    plan: ["1: name job, memory:/n, :/n, unshare, memory:/2, :/2, fill, setsid, +2 into /3", "2: memory:/3"],
  },
  {
    name: "the coordinator fills namespaces that the root enters late",
    tasks: ["10 0 s10 @2"],
    host: hostOf([hierarchy("memory")]),
    questions: { fillsNamespaces: true, entersUserNamespace: true },
    plan: ["10: name job, setsid, memory:/2"],
  },
  {
    name: "nothing moves when cgroups are ignored",
    tasks: ["1 0 @2 t9@3", "2 1 @3"],
    namespaceRoot: new Map([["cpu", "/n"]]),
    options: { mode: "ignore" },
    plan: ["1: name job, unshare, setsid, +2, thread 9", "  9:", "2:"],
  },
  {
    name: "frozen homes are entered from outside",
    tasks: ["1 0 @2", "2 1 @3", "3 2 @3", "4 3 @2"],
    host: hostOf([hierarchy("freezer", { "/3": { "freezer.state": "FROZEN" } })]),
    plan: ["1: name job, setsid, freezer:/2, +2", "2: +3", "3: +4", "4:", "late: 2 freezer:/3", "late: 3 freezer:/3"],
  },
  {
    name: "nobody is born in a frozen v2 cgroup",
    tasks: ["1 0 @2", "2 1 @3"],
    host: hostOf([hierarchy("", { "/3": { "cgroup.freeze": "1" } })]),
    plan: ["1: name job, :/2, setsid, +2", "2:", "late: 2 :/3"],
  },
  {
    name: "nobody passes through a full cgroup",
    tasks: ["1 0 @2", "2 1 @3", "3 1 @3 t9"],
    host: hostOf([hierarchy("pids", { "/3": { "pids.max": "3", "pids.current": "0" } })]),
    plan: ["1: name job, setsid, pids:/2, +2, +3", "2: pids:/3", "3: thread 9, pids:/3", "  9:"],
  },
  {
    name: "a limit with room for one more does not matter",
    tasks: ["1 0 @2", "2 1 @3", "3 1 @3"],
    host: hostOf([hierarchy("pids", { "/3": { "pids.max": "3", "pids.current": "0" } })]),
    plan: ["1: name job, setsid, pids:/3, +2, +3, pids:/2", "2:", "3:"],
  },
  {
    name: "processes attach themselves to threaded cgroups",
    tasks: ["1 0 @2", "2 1 @3"],
    host: hostOf([hierarchy("", { "/3": { "cgroup.type": "threaded" } })]),
    plan: ["1: name job, :/2, setsid, +2", "2: :/3"],
  },
  {
    name: "threads of a frozen process in several cgroups",
    tasks: ["1 0 @3 t9@2"],
    host: hostOf([hierarchy("freezer", { "/3": { "freezer.state": "FROZEN" } })]),
    problems: ['task 1: has threads in several cgroups, of which "/3" is frozen: thaw it first'],
  },
];

Deno.test("planTasks() plans small trees", async (t) => {
  for (const row of ROWS) {
    await t.step(row.name, () => {
      const checkpoint = checkpointOf(row.tasks.map(parseTask));
      const host = row.host ?? CPU;
      const namespace = {
        ...row.namespaceRoot === undefined ? {} : { namespaceRoot: row.namespaceRoot },
        joinsPidNamespace: row.joinsPidNamespace === true,
        ...row.questions,
      };
      const plan = planTasks({ ...questionsOf(checkpoint, host), ...namespace }, { ...MODES, ...row.options });
      const problems = plan.problems.map(({ where, what }) => `${where}: ${what}`);
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
      return;
    }
    compareWithCheckpoint({ checkpoint, host, plan });
    compareWithCheckpoint({ checkpoint, host, plan, choose: () => 0 });
    compareWithCheckpoint({ checkpoint, host, plan, choose: random });
    assert(plan.counts.writes <= plan.counts.originWrites, "never more writes than comparing whole sets");
  });
  fc.assert(check, { numRuns: runs, seed: 1 });
  assert(unsolved < runs / 200, `${unsolved} of ${runs} histories are refused`);
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

Deno.test("planTasks() keeps everybody out of closed cgroups until the end", () => {
  const trees = fc.record({
    seed: fc.integer(),
    events: fc.integer({ min: 0, max: 80 }),
    closed: fc.subarray([1, 2, 3]),
  });
  const check = fc.property(trees, ({ seed, events, closed }) => {
    const checkpoint = randomHistory(randomFrom(seed), { events, sets: 6, kind: "init" });
    const all = (files: Record<string, string>) => Object.fromEntries(closed.map((set) => [`/${set}`, files]));
    const host = hostOf([
      hierarchy("", all({ "cgroup.freeze": "1" })),
      hierarchy("freezer", all({ "freezer.state": "FREEZING" })),
      hierarchy("pids", all({ "pids.max": "12", "pids.current": "0" })),
    ]);
    const plan = planTasks(questionsOf(checkpoint, host), MODES);
    if (plan.problems.length > 0) return plan.problems.every(({ what }) => what.includes("is frozen: thaw it first"));
    compareWithCheckpoint({ checkpoint, host, plan, choose: randomFrom(seed) });
    return true;
  });
  fc.assert(check, { numRuns: 1000, seed: 1 });
});

Deno.test("planTasks() tells what to expect, and what it costs", () => {
  const checkpoint = checkpointOf(["1 0 @2 t9@3", "2 1 @4 T", "3 1 @2 Z", "4 1 @7"].map(parseTask), 7);
  const host = hostOf([hierarchy("cpu"), { ...hierarchy(""), ownPath: "/own" }]);
  const places = new Map([[2, new Map([["cpu", "/a"]])], [3, new Map([["cpu", "/b"]])], [
    4,
    new Map([["cpu", "/a"], ["", "/c"]]),
  ]]);
  const plan = planTasks({ checkpoint, host, places }, MODES);
  assert.deepEqual(plan.counts, { writes: 2, originWrites: 6, createdInPlace: 1 });
  assert.deepEqual(plan.places.map(({ members }) => members.map(({ path }) => path).join(" ")), [
    "/own /a",
    "/own /b",
    "/c /a",
    "/own /",
  ]);
  assert.deepEqual(plan.expectedTasks.map(({ pid, place, state }) => [pid, place, state]), [
    [1, 0, "alive"],
    [2, 2, "stopped"],
    [3, undefined, "zombie"],
    [4, 3, "alive"],
  ]);
  assert.deepEqual(plan.expectedTasks[0]?.threads, [{ tid: 9, comm: "job", place: 1 }]);
});

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

Deno.test("planTasks() plans 10,000 tasks", async (t) => {
  const random = randomFrom(7);
  const count = 10_000;
  const shapes: Record<string, (index: number) => number> = {
    star: () => 1,
    chain: (index) => index,
    tree: (index) => 1 + random(index),
  };
  const names = [
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
          hostOf(names.map((name) => hierarchy(name))),
        );
        const start = performance.now();
        const plan = planTasks(questions, MODES);
        const milliseconds = performance.now() - start;
        assert.deepEqual(plan.problems, []);
        assert(plan.counts.writes <= plan.counts.originWrites);
        // A fraction of a second, as a rule; what is looked for here is a time that grows with the square.
        assert(milliseconds < 10_000, `${milliseconds} ms`);
      });
    }
  }
});

/** Ways for one more process into the places of the tasks 1 and 2, of which the first is in cgrestore's own. */
const ENTRANCES: readonly {
  readonly name: string;
  readonly host: Host;
  readonly options?: Pick<TaskQuestions, "entersUserNamespace">;
  readonly entrance: string | undefined;
}[] = [
  { name: "v2", host: hostOf([hierarchy("")]), entrance: "into /3" },
  { name: "memory in v1", host: hostOf([hierarchy("cpu,memory"), hierarchy("pids")]), entrance: "cpu,memory:/3" },
  { name: "hybrid", host: hostOf([hierarchy("memory"), hierarchy("")]), entrance: "into /3, memory:/3" },
  { name: "other hierarchies", host: hostOf([hierarchy("cpu"), hierarchy("name=x")]), entrance: undefined },
  { name: "an old kernel", host: hostOf([hierarchy("")], { kernel: [5, 6] }), entrance: ":/3" },
  {
    name: "from a user namespace",
    host: hostOf([hierarchy("")]),
    options: { entersUserNamespace: true },
    entrance: ":/3",
  },
  {
    name: "room for the tasks only",
    host: hostOf([hierarchy("", { "/3": { "pids.max": "2", "pids.current": "0" } })]),
    entrance: ":/3",
  },
  {
    name: "frozen in v1",
    host: hostOf([hierarchy("memory,freezer", { "/3": { "freezer.state": "FROZEN" } }), hierarchy("")]),
    entrance: undefined,
  },
  { name: "threaded", host: hostOf([hierarchy("", { "/3": { "cgroup.type": "threaded" } })]), entrance: ":/3" },
];

Deno.test("planTasks() tells how others get to the cgroups of memory and sockets", async (t) => {
  for (const { name, host, options, entrance } of ENTRANCES) {
    await t.step(name, () => {
      const checkpoint = checkpointOf(["1 0 @1", "2 1 @3"].map(parseTask), 1);
      const { entrances } = planTasks({ ...questionsOf(checkpoint, host), ...options }, MODES);
      const told = entrances.map((way) =>
        way && [
          ...way.into === undefined ? [] : [`into ${way.into}`],
          ...way.moves.map(describeStep),
        ].join(", ")
      );
      assert.deepEqual(told, [undefined, entrance]);
    });
  }
});
