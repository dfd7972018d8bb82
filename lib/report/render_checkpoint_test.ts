import { equal } from "node:assert/strict";
import type { Checkpoint, Task } from "../model/checkpoint.ts";
import { renderCheckpoint } from "./render_checkpoint.ts";

function aTask(part: Partial<Task> & { readonly pid: number }): Task {
  return {
    parent: 7,
    group: 7,
    session: 7,
    state: "alive",
    exitStatus: 0,
    stopSignal: 0,
    childSubreaper: false,
    comm: "work",
    threads: [],
    ...part,
  };
}

const CHECKPOINT: Checkpoint = {
  imageVersion: 2,
  architecture: "x86_64",
  ownSet: 1,
  tasks: [
    aTask({
      pid: 7,
      parent: 0,
      comm: "init",
      set: 2,
      childSubreaper: true,
      threads: [{ tid: 11, comm: "io", set: 3 }],
    }),
    aTask({ pid: 8, comm: "a\nb", set: 2, state: "stopped" }),
    aTask({ pid: 9, parent: 8, state: "zombie", exitStatus: 9 }),
    aTask({ pid: 10, group: 10, set: 2, threads: [{ tid: 12, comm: "x" }, { tid: 13, comm: "y", set: 2 }] }),
  ],
  sets: new Map([
    [3, { id: 3, members: [{ hierarchy: "", path: "/job/t", namespaceRoot: "/job" }] }],
    [2, {
      id: 2,
      members: [{ hierarchy: "", path: "/job" }, { hierarchy: "cpu,cpuacct", path: "/" }, {
        hierarchy: "name=x",
        path: "/job",
      }],
    }],
  ]),
  controllers: [{
    hierarchy: "cpu,cpuacct",
    directories: [{
      path: "/job",
      permissions: { mode: 0o755, uid: 0, gid: 0 },
      properties: [
        { name: "cpu.shares", value: "512", permissions: { mode: 0o644, uid: 0, gid: 0 } },
        { name: "tasks", value: "" },
        { name: "devices.list", value: "x".repeat(100) },
      ],
    }],
  }],
  namespaces: new Set(["pid", "net"]),
  strangers: new Map(),
};

const SUMMARY = "4 tasks, 3 further threads; image version 1.1, x86_64\n" +
  "2 cgroup sets, set 1 was that of the dumping CRIU; 1 cgroup in 1 hierarchy with 3 properties";

const BODY = `Namespaces: net, pid

Tasks
  7 init  alive, leads session 7, set 2, 1 further thread, child subreaper
  │   thread 11 io, set 3
  ├── 8 a\\nb  stopped, session 7, group 7, set 2
  │   └── 9 work  zombie (signal 9), session 7, group 7
  └── 10 work  alive, session 7, leads group 10, set 2, 2 further threads

Cgroup sets
  set 2
    /job  in cgroup2 name=x
    /  in cpu,cpuacct
  set 3
    /job/t  (its cgroup namespace begins at /job)  in cgroup2
`;

Deno.test("renderCheckpoint() shows tasks and sets", () => {
  const text = renderCheckpoint(CHECKPOINT, { color: false, verbosity: 2 });
  equal(text, `${SUMMARY} (-v lists them)\n${BODY}`);
});

Deno.test("renderCheckpoint() names an external pid namespace", () => {
  const text = renderCheckpoint({ ...CHECKPOINT, externalPidNamespace: "outer" }, { color: false, verbosity: 2 });
  equal(text, `${SUMMARY} (-v lists them)\n${BODY.replace("pid\n", 'pid\n  pid: external, "outer"\n')}`);
});

Deno.test("renderCheckpoint() lists directories and properties with -v", () => {
  const text = renderCheckpoint(CHECKPOINT, { color: false, verbosity: 3 });
  equal(
    text,
    `${SUMMARY}\n${BODY}
Cgroups
  cpu,cpuacct:/job
    mode 0755, owner 0:0
    cpu.shares = 512  (mode 0644, owner 0:0)
    tasks = ""
    devices.list = ${"x".repeat(72)}… (100 characters)
`,
  );
});

Deno.test("renderCheckpoint() says that a checkpoint has no cgroups", () => {
  const bare: Checkpoint = {
    imageVersion: 1,
    architecture: "x86_64",
    tasks: [aTask({ pid: 7, parent: 0 })],
    sets: new Map(),
    controllers: [],
    namespaces: new Set(),
    strangers: new Map(),
  };
  equal(
    renderCheckpoint(bare, { color: false, verbosity: 2 }),
    `1 task; image version 1, x86_64
No cgroups: every task stays where it is born

Tasks
  7 work  alive, leads session 7
`,
  );
});
