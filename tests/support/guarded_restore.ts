/**
 * A restore that changes cgroups which exist already: a program of its own, for tests to kill it.
 *
 * Arguments: the cgroups' id, and what to do when all is verified. Says "started" and
 * "verified" on its way.
 */
import { executePlan } from "../../lib/exec/execute_plan.ts";
import { openYard } from "../../lib/exec/yard.ts";
import type { CgroupStep, ExpectedTask, Plan, TaskProgram } from "../../lib/plan/plan.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { X86_64 } from "../../lib/tracee/agent_x86_64.ts";

const HIERARCHIES = ["cpu", "freezer", "pids"] as const;
/** In a pid namespace of their own, so that a test can repeat this at once. */
const PIDS = [1, 2, 3] as const;
const [ROOT_TASK, ...OTHERS] = PIDS;

function planGuarded(id: string): Plan {
  const top = `/${id}`;
  const inner = `/${id}/new`;
  const write = (hierarchy: string, path: string, [file, value]: [string, string], isNew = false): CgroupStep => ({
    kind: "write-property",
    hierarchy,
    path,
    file,
    writes: [value],
    expected: value,
    inNewCgroup: isNew,
    tolerated: [],
    reason: "test",
  });
  const make = (hierarchy: string): CgroupStep => ({ kind: "make-cgroup", hierarchy, path: inner, reason: "test" });
  const permit = (file?: string): CgroupStep => ({
    kind: "set-permissions",
    hierarchy: "cpu",
    path: top,
    ...file === undefined ? {} : { file },
    mode: file === undefined ? 0o700 : 0o600,
    uid: 1234,
    gid: 4321,
    optional: false,
  });
  const freeze = write("freezer", inner, ["freezer.state", "FROZEN"], true);
  if (freeze.kind !== "write-property") throw new Error("Cannot plan the freeze");
  return {
    hierarchies: HIERARCHIES.map((hierarchy) => ({
      kind: "open-hierarchy",
      hierarchy,
      method: "bind",
      source: `/sys/fs/cgroup/${hierarchy}`,
      options: "",
      isNew: false,
    })),
    cgroups: [
      ...HIERARCHIES.map(make),
      permit(),
      permit("cpu.shares"),
      write("cpu", top, ["cpu.shares", "333"]),
      write("pids", top, ["pids.max", "100"]),
    ],
    coordinator: [{ kind: "create-task", pid: ROOT_TASK, as: "sibling" }],
    rootIsSibling: false,
    tasks: PIDS.map((pid) => planProgram(pid, inner)),
    endings: [],
    lateMoves: [],
    properties: [write("cpu", top, ["cpu.shares", "444"])],
    freezes: [freeze],
    places: [{ members: HIERARCHIES.map((hierarchy) => ({ hierarchy, path: inner })) }],
    expectedTasks: PIDS.map(describeExpected),
    newPidNamespace: true,
    namespaces: [],
    counts: { writes: 3, originWrites: 3, createdInPlace: 0 },
    notes: [],
  };
}

function planProgram(pid: number, path: string): TaskProgram {
  const isRoot = pid === ROOT_TASK;
  return {
    pid,
    role: "task",
    comm: "guarded",
    maker: isRoot ? 0 : ROOT_TASK,
    steps: isRoot
      ? [
        { kind: "new-session" },
        { kind: "set-name", comm: "guarded" },
        ...HIERARCHIES.map((hierarchy) => ({ kind: "attach", hierarchy, path, file: "cgroup.procs" } as const)),
        ...OTHERS.map((other) => ({ kind: "create-task", pid: other, as: "child" } as const)),
      ]
      : [],
    threads: [],
  };
}

function describeExpected(pid: number): ExpectedTask {
  return {
    pid,
    parent: pid === ROOT_TASK ? 0 : ROOT_TASK,
    group: ROOT_TASK,
    session: ROOT_TASK,
    state: "alive",
    exitStatus: 0,
    stopSignal: 0,
    comm: "guarded",
    place: 0,
    threads: [],
  };
}

const [id = "", then = ""] = Deno.args;
Deno.writeTextFileSync(`/sys/fs/cgroup/cpuacct/${id}/cgroup.procs`, String(Deno.pid));
const sys = openLinuxSys();
const plan = planGuarded(id);
const yard = openYard(sys, plan.hierarchies);
const say = (word: string) => sys.write(1, new TextEncoder().encode(`${word}\n`));
say("started");
executePlan(sys, plan, {
  architecture: X86_64,
  rehearse: then === "rehearse",
  leaveStopped: false,
  onNamespaces: () => {},
  onVerified: () => {
    say("verified");
    if (then === "sleep") sys.sleep(60_000);
    if (then === "fail") throw new Error("Cannot go on: the test says so");
  },
  yard,
});
