/** Plans written by hand, one for each thing that a plan can ask for. */

import type {
  CgroupStep,
  Ending,
  ExpectedTask,
  OpenHierarchy,
  Place,
  Plan,
  TaskProgram,
  TaskStep,
  WriteProperty,
} from "../../lib/plan/plan.ts";
import { EMPTY_PLAN } from "../support/plan_inputs.ts";
import { type FakeHost, hybridHost, v1Host, v2Host } from "../fakes/fake_hosts.ts";

/** A plan and the host that it is for. */
export interface PlanCase {
  readonly name: string;
  readonly host: () => FakeHost;
  readonly plan: Plan;
}

function bind(hierarchy: string, source = `/sys/fs/cgroup/${hierarchy.replace("name=", "")}`): OpenHierarchy {
  return { kind: "open-hierarchy", hierarchy, method: "bind", source, options: "", isNew: false };
}

function mountNamed(hierarchy: string): OpenHierarchy {
  const options = `none,${hierarchy}`;
  return { kind: "open-hierarchy", hierarchy, method: "mount", source: "cgroup", options, isNew: true };
}

function make(hierarchy: string, path: string): CgroupStep {
  return { kind: "make-cgroup", hierarchy, path, reason: "dumped" };
}

function own(hierarchy: string, path: string, file?: string): CgroupStep {
  const more = file === undefined ? {} : { file };
  return { kind: "set-permissions", hierarchy, path, ...more, mode: 0o750, uid: 1000, gid: 1001, optional: false };
}

function write(
  hierarchy: string,
  path: string,
  [file, value]: [string, string],
  more: Partial<WriteProperty> = {},
): WriteProperty {
  return {
    kind: "write-property",
    hierarchy,
    path,
    file,
    writes: [value],
    expected: value,
    inNewCgroup: true,
    tolerated: [],
    reason: "dumped",
    ...more,
  };
}

function attach(hierarchy: string, path: string, file: "cgroup.procs" | "tasks" | "cgroup.threads" = "cgroup.procs") {
  return { kind: "attach", hierarchy, path, file } as const;
}

function create(pid: number, into?: string): TaskStep {
  return { kind: "create-task", pid, as: "child", ...into === undefined ? {} : { into } };
}

/** What the coordinator does: the root is its sibling. */
function root(pid: number): TaskStep {
  return { kind: "create-task", pid, as: "sibling" };
}

function program(pid: number, maker: number, steps: readonly TaskStep[], more: Partial<TaskProgram> = {}): TaskProgram {
  const comm = `t${pid}`;
  return { pid, role: "task", comm, maker, steps: [{ kind: "set-name", comm }, ...steps], threads: [], ...more };
}

function expected(pid: number, parent: number, more: Partial<ExpectedTask> = {}): ExpectedTask {
  return {
    pid,
    parent,
    group: 5001,
    session: 5001,
    state: "alive",
    exitStatus: 0,
    stopSignal: 0,
    comm: `t${pid}`,
    threads: [],
    ...more,
  };
}

function zombie(pid: number, parent: number, exitStatus: number): ExpectedTask {
  return expected(pid, parent, { state: "zombie", exitStatus });
}

function exit(pid: number, status = 0): Ending {
  return { pid, step: { kind: "exit", status } };
}

function reap(pid: number, child: number): Ending {
  return { pid, step: { kind: "reap", child } };
}

function subreaper(pid: number, on: boolean): Ending {
  return { pid, step: { kind: "set-child-subreaper", on } };
}

function place(members: Readonly<Record<string, string>>): Place {
  return { members: Object.entries(members).map(([hierarchy, path]) => ({ hierarchy, path })) };
}

const NEW_SESSION = { kind: "new-session" } as const;

/** v1, v2 and a new named hierarchy; a star of tasks, zombies, a thread of its own, a frozen cgroup. */
const STAR: Plan = {
  ...EMPTY_PLAN,
  hierarchies: [
    bind("cpu,cpuacct"),
    bind("cpuset"),
    bind("freezer"),
    bind("pids"),
    mountNamed("name=job"),
    bind("", "/sys/fs/cgroup/unified"),
  ],
  cgroups: [
    make("cpu,cpuacct", "/job"),
    make("cpu,cpuacct", "/job/a"),
    make("cpuset", "/job"),
    make("freezer", "/job"),
    make("name=job", "/x"),
    make("", "/job"),
    own("cpu,cpuacct", "/job"),
    own("cpu,cpuacct", "/job/a", "cpu.shares"),
    own("pids", "/user.slice"),
    write("cpu,cpuacct", "/job", ["cpu.shares", "512"]),
    write("cpuset", "/job", ["cpuset.cpus", "0-1"]),
    write("cpuset", "/job", ["cpuset.mems", "0"]),
    write("pids", "/user.slice", ["pids.max", "4096"], { inNewCgroup: false }),
  ],
  coordinator: [root(5001)],
  tasks: [
    program(5001, 0, [
      NEW_SESSION,
      attach("cpu,cpuacct", "/job"),
      attach("cpuset", "/job"),
      create(5002, "/job"),
      create(5003),
      create(5004),
      create(5005),
      create(5006),
      attach("name=job", "/x"),
    ]),
    program(5002, 5001, [
      attach("cpu,cpuacct", "/job/a"),
      { kind: "create-thread", tid: 5010 },
      { kind: "set-group", group: 5002 },
    ], {
      threads: [{
        tid: 5010,
        comm: "worker",
        steps: [{ kind: "set-name", comm: "worker" }, attach("cpu,cpuacct", "/job", "tasks")],
      }],
    }),
    program(5003, 5001, [attach("name=job", "/x")]),
    program(5004, 5001, []),
    program(5005, 5001, []),
    program(5006, 5001, [attach("", "/job")]),
  ],
  endings: [exit(5004, 3 << 8), exit(5005, 15)],
  lateMoves: [{ pid: 5006, hierarchy: "freezer", path: "/job" }],
  properties: [write("cpu,cpuacct", "/job/a", ["cpu.cfs_quota_us", "50000"])],
  freezes: [write("freezer", "/job", ["freezer.state", "FROZEN"])],
  places: [
    place({ "cpu,cpuacct": "/job", cpuset: "/job", "name=job": "/x", "": "/user.slice" }),
    place({ "cpu,cpuacct": "/job/a", cpuset: "/job", "name=job": "/", "": "/job" }),
    place({ "cpu,cpuacct": "/job", cpuset: "/job", "name=job": "/", "": "/job" }),
    place({ "cpu,cpuacct": "/job", cpuset: "/job", "name=job": "/x", "": "/user.slice" }),
    place({ "cpu,cpuacct": "/job", freezer: "/job", "": "/job" }),
  ],
  expectedTasks: [
    expected(5001, 0, { place: 0 }),
    expected(5002, 5001, { place: 1, group: 5002, threads: [{ tid: 5010, comm: "worker", place: 2 }] }),
    expected(5003, 5001, { place: 3, state: "stopped", stopSignal: 19 }),
    zombie(5004, 5001, 3 << 8),
    zombie(5005, 5001, 15),
    expected(5006, 5001, { place: 4 }),
  ],
};

/** v2 only: a chain of tasks, a thread in a threaded cgroup, controllers, cgroup namespaces, a freeze. */
const CHAIN: Plan = {
  ...EMPTY_PLAN,
  hierarchies: [bind("", "/sys/fs/cgroup")],
  cgroups: [
    write("", "/", ["cgroup.subtree_control", "-io"], { inNewCgroup: false, expected: "cpu memory pids" }),
    make("", "/job"),
    write("", "/job", ["cgroup.subtree_control", "+cpu"], { expected: "cpu" }),
    make("", "/job/a"),
    make("", "/job/b"),
    make("", "/job/b/t"),
    write("", "/job/b/t", ["cgroup.type", "threaded"]),
    write("", "/job/a", ["cpu.max", "50000 100000"]),
    own("", "/job/a", "cgroup.procs"),
    own("", "/user.slice"),
  ],
  coordinator: [root(5001)],
  tasks: [
    program(5001, 0, [NEW_SESSION, { kind: "set-child-subreaper", on: true }, create(5002, "/job/a")]),
    program(5002, 5001, [{ kind: "unshare-cgroup-namespace" }, create(5003)]),
    program(5003, 5002, [attach("", "/job/b"), { kind: "create-thread", tid: 5010 }, create(5004)], {
      threads: [{ tid: 5010, comm: "t5003", steps: [attach("", "/job/b/t", "cgroup.threads")] }],
    }),
    program(5004, 5003, []),
  ],
  properties: [
    write("", "/job/b", ["cpu.weight", "50"]),
    write("", "/user.slice", ["pids.max", "900"], { inNewCgroup: false }),
    write("", "/user.slice", ["nothing.here", "0"], { inNewCgroup: false, tolerated: ["ENOENT"] }),
  ],
  freezes: [write("", "/job/a", ["cgroup.freeze", "1"])],
  places: [
    place({ "": "/user.slice/session.scope" }),
    place({ "": "/job/a" }),
    place({ "": "/job/b" }),
    place({ "": "/job/b/t" }),
  ],
  expectedTasks: [
    expected(5001, 0, { place: 0 }),
    expected(5002, 5001, { place: 1 }),
    expected(5003, 5002, { place: 2, threads: [{ tid: 5010, comm: "t5003", place: 3 }] }),
    expected(5004, 5003, { place: 2 }),
  ],
};

/** A session whose leader is gone, a group whose leader is gone, an orphan that the root adopted, a sibling. */
const SESSIONS: Plan = {
  ...EMPTY_PLAN,
  hierarchies: [bind("cpu"), bind("name=systemd")],
  cgroups: [make("cpu", "/s"), make("cpu", "/s/t")],
  coordinator: [root(5001)],
  tasks: [
    program(5001, 0, [create(5020), NEW_SESSION, create(5002), create(5050), create(5060)]),
    program(5002, 5001, [attach("cpu", "/s"), create(5003)]),
    program(5003, 5002, [attach("cpu", "/s/t")]),
    // The leader of session 5050 is gone; 5051 was orphaned, 5052 is its sibling.
    program(5050, 5001, [NEW_SESSION, create(5051), { kind: "create-task", pid: 5052, as: "sibling" }], {
      role: "helper",
    }),
    program(5051, 5050, [attach("cpu", "/s")]),
    program(5052, 5050, []),
    // The leader of group 5060 is gone.
    program(5060, 5001, [{ kind: "set-group", group: 5060 }], { role: "helper" }),
    program(5020, 5001, [NEW_SESSION]),
  ],
  endings: [
    { pid: 5002, step: { kind: "set-group", group: 5060 } },
    subreaper(5001, true),
    exit(5050),
    reap(5001, 5050),
    subreaper(5001, false),
    exit(5060),
    reap(5001, 5060),
  ],
  places: [place({ cpu: "/" }), place({ cpu: "/s" }), place({ cpu: "/s/t" })],
  expectedTasks: [
    expected(5001, 0, { place: 0 }),
    expected(5020, 5001, { place: 0, group: 5020, session: 5020 }),
    expected(5002, 5001, { place: 1, group: 5060 }),
    expected(5003, 5002, { place: 2 }),
    expected(5051, 5001, { place: 1, group: 5050, session: 5050 }),
    expected(5052, 5001, { place: 0, group: 5050, session: 5050 }),
  ],
};

/** A pid namespace of the tasks' own, with an orphan that its first task adopts without being told. */
const PID_NAMESPACE: Plan = {
  ...EMPTY_PLAN,
  hierarchies: [bind("cpu"), bind("memory")],
  cgroups: [
    make("cpu", "/c"),
    make("memory", "/c"),
    write("memory", "/c", ["memory.limit_in_bytes", "1048576"]),
  ],
  coordinator: [attach("cpu", "/c"), root(1)],
  newPidNamespace: true,
  namespaces: [],
  tasks: [
    program(1, 0, [NEW_SESSION, create(7), create(8), create(20)]),
    program(7, 1, [create(9), attach("memory", "/c")]),
    program(8, 1, []),
    program(9, 7, [{ kind: "create-thread", tid: 10 }], { threads: [{ tid: 10, comm: "t9", steps: [] }] }),
    program(20, 1, [NEW_SESSION, create(21)], { role: "helper" }),
    program(21, 20, []),
  ],
  endings: [exit(20), reap(1, 20), exit(8, 9)],
  places: [place({ cpu: "/c", memory: "/" }), place({ cpu: "/c", memory: "/c" })],
  expectedTasks: [
    expected(1, 0, { place: 0, group: 1, session: 1 }),
    expected(7, 1, { place: 1, group: 1, session: 1 }),
    { ...zombie(8, 1, 9), group: 1, session: 1 },
    expected(9, 7, { place: 0, group: 1, session: 1, threads: [{ tid: 10, comm: "t9", place: 0 }] }),
    expected(21, 1, { place: 0, group: undefined, session: undefined }),
  ],
};

/** No cgroup at all, and cgrestore's own session. */
const PLAIN: Plan = {
  ...EMPTY_PLAN,
  coordinator: [root(5001)],
  tasks: [program(5001, 0, [])],
  expectedTasks: [expected(5001, 0, { group: undefined, session: undefined })],
};

export const PLAN_CASES: readonly PlanCase[] = [
  { name: "a star in v1, v2 and a named hierarchy", host: hybridHost, plan: STAR },
  { name: "a chain in v2", host: v2Host, plan: CHAIN },
  { name: "sessions and groups without leaders", host: v1Host, plan: SESSIONS },
  { name: "a pid namespace", host: v1Host, plan: PID_NAMESPACE },
  { name: "one task and no cgroups", host: v1Host, plan: PLAIN },
];
