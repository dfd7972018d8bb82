import assert from "node:assert/strict";
import { ImageError } from "../errors.ts";
import { core_entry_march } from "../../tests/gen/core_pb.ts";
import {
  aCheckpoint,
  buildImages,
  type DirectoryDescription,
  type ImagesDescription,
  type TaskDescription,
} from "../../tests/support/build_images.ts";
import { buildCheckpoint } from "./build_checkpoint.ts";

const V2_SET = { id: 2, members: { "": "/a" } } as const;

function problemsOf(description: ImagesDescription): string[] {
  try {
    aCheckpoint(description);
  } catch (error) {
    assert.ok(error instanceof ImageError, String(error));
    return error.problems.map(({ where, what }) => `${where}: ${what}`);
  }
  return [];
}

async function checkRows(t: Deno.TestContext, rows: Record<string, [ImagesDescription, ...RegExp[]]>): Promise<void> {
  for (const [name, [description, ...want]] of Object.entries(rows)) {
    await t.step(name, () => {
      const got = problemsOf(description);
      assert.equal(got.length, want.length, got.join("\n") || "no problem");
      want.forEach((pattern, index) => assert.match(got[index] ?? "", pattern));
    });
  }
}

function tasks(...list: TaskDescription[]): ImagesDescription {
  return { tasks: list };
}

function oneTask(rest: Omit<ImagesDescription, "tasks">): ImagesDescription {
  return { tasks: [{ pid: 5 }], ...rest };
}

Deno.test("buildCheckpoint() makes the tasks, parents first and siblings by pid", () => {
  const { tasks } = aCheckpoint({
    tasks: [
      { pid: 9, set: 2, comm: "root", threads: [{ tid: 12, comm: "worker", set: 1 }, 11] },
      { pid: 8, set: 1 },
      { pid: 3, parent: 8, state: "zombie", exitStatus: 0x100, set: 2, threads: [8, 9] },
      { pid: 7, state: "stopped", stopSignal: 19, childSubreaper: true, oldSet: 2 },
    ],
    sets: [V2_SET],
  });
  const plain = {
    exitStatus: 0,
    stopSignal: 0,
    childSubreaper: false,
    comm: "task",
    threads: [],
    group: 9,
    session: 9,
  };
  assert.deepEqual(tasks, [
    {
      ...plain,
      pid: 9,
      parent: 0,
      state: "alive",
      comm: "root",
      set: 2,
      threads: [{ tid: 11, comm: "root" }, { tid: 12, comm: "worker", set: 1 }],
    },
    { ...plain, pid: 7, parent: 9, state: "stopped", stopSignal: 19, childSubreaper: true, set: 2 },
    { ...plain, pid: 8, parent: 9, state: "alive", set: 1 },
    { ...plain, pid: 3, parent: 8, state: "zombie", exitStatus: 0x100 },
  ]);
});

Deno.test("buildCheckpoint() makes sets and controllers, sorted", () => {
  const perms = { mode: 0o100644, uid: 1, gid: 2 };
  const checkpoint = aCheckpoint(oneTask({
    sets: [{ id: 3, members: { "name=x": ["/ä/b", 3], "cpu,cpuacct": ["/a", 0], "": ["/a", 2] } }],
    controllers: [
      { names: ["name=x"] },
      {
        names: ["cpuacct", "cpu"],
        directories: [
          { name: "z/y", permissions: { mode: 0o40755, uid: 0, gid: 0 }, children: [{ name: "x" }] },
          {
            name: "",
            properties: [{ name: "b", value: "1\n2", permissions: perms }, {
              name: "freezer.state",
              value: "",
              permissions: perms,
            }],
          },
        ],
      },
    ],
  }));
  assert.deepEqual(checkpoint.sets.get(3)?.members, [
    { hierarchy: "", path: "/a", namespaceRoot: "/a" },
    { hierarchy: "cpu,cpuacct", path: "/a" },
    { hierarchy: "name=x", path: "/ä/b", namespaceRoot: "/ä" },
  ]);
  assert.deepEqual(checkpoint.namespaces, new Set(["cgroup"]));
  assert.deepEqual(checkpoint.controllers, [
    {
      hierarchy: "cpu,cpuacct",
      directories: [
        {
          path: "/",
          properties: [
            { name: "b", value: "1\n2", permissions: { mode: 0o644, uid: 1, gid: 2 } },
            { name: "freezer.state", value: "" },
          ],
        },
        { path: "/z/y", permissions: { mode: 0o755, uid: 0, gid: 0 }, properties: [] },
        { path: "/z/y/x", properties: [] },
      ],
    },
    { hierarchy: "name=x", directories: [] },
  ]);
});

Deno.test("buildCheckpoint() leaves out the set of the dumping CRIU", () => {
  const checkpoint = aCheckpoint({ tasks: [{ pid: 5, set: 1 }], sets: [{ id: 1, members: { "": "/" } }, V2_SET] });
  assert.deepEqual([...checkpoint.sets.keys()], [2]);
  assert.equal(checkpoint.ownSet, 1);
  assert.equal(checkpoint.tasks[0]?.set, 1);
});

Deno.test("buildCheckpoint() finds the namespaces", async (t) => {
  const rows: { name: string; description: ImagesDescription; want: string[] }[] = [
    { name: "none", description: tasks({ pid: 5 }), want: [] },
    {
      name: "the root's",
      description: tasks({ pid: 5, ids: { pid: 20, uts: 21, time: 22, cgroup: 23 } }, {
        pid: 6,
        ids: { pid: 20, cgroup: 23 },
      }),
      want: ["cgroup", "pid", "time", "uts"],
    },
    { name: "a child's", description: tasks({ pid: 5 }, { pid: 6, ids: { net: 20 } }), want: ["net"] },
    {
      name: "nothing known of CRIU's",
      description: { ...tasks({ pid: 5, ids: { pid: 20 } }), rootIds: null },
      want: [],
    },
    { name: "an id that is not in the image", description: tasks({ pid: 5, ids: { time: 0 } }), want: [] },
  ];
  for (const { name, description, want } of rows) {
    await t.step(name, () => assert.deepEqual([...aCheckpoint(description).namespaces].sort(), want));
  }
});

Deno.test("buildCheckpoint() finds the tasks in other namespaces than the root", () => {
  const description = tasks({ pid: 5, ids: { uts: 20, ipc: 21 } }, { pid: 7, ids: { uts: 22, ipc: 21 } }, {
    pid: 6,
    ids: { uts: 23, ipc: 21, net: 24 },
  });
  assert.deepEqual(aCheckpoint(description).strangers, new Map([["uts", [6, 7]], ["net", [6]]]));
});

Deno.test("buildCheckpoint() knows the architectures", () => {
  assert.equal(aCheckpoint(tasks({ pid: 5 })).architecture, "x86_64");
  assert.equal(aCheckpoint(tasks({ pid: 5, march: core_entry_march.AARCH64 })).architecture, "aarch64");
});

Deno.test("buildCheckpoint() refuses a bad inventory and bad architectures", (t) =>
  checkRows(t, {
    "root_cg_set 0": [oneTask({ rootCgSet: 0 }), /^inventory\.img, entry 0: .* 0, which is corrupted$/],
    "no root_cg_set": [oneTask({ rootCgSet: null })],
    "unknown architecture": [tasks({ pid: 5, march: 0 }), /^core-5\.img, entry 0: the architecture 0 is unknown$/],
    "two architectures": [
      tasks({ pid: 5 }, { pid: 6, march: core_entry_march.ARM }),
      /^core-5\.img, entry 0: the architecture is x86_64, but that of core-6\.img is arm$/,
    ],
  }));

Deno.test("buildCheckpoint() refuses bad tasks", (t) =>
  checkRows(t, {
    "no task": [tasks(), /^pstree\.img: there is no task$/],
    "pid 0": [tasks({ pid: 5 }, { pid: 0 }), /^pstree\.img, entry 1, task 0: 0 cannot be a pid/],
    "pid too high": [tasks({ pid: 5 }, { pid: 4194305 }), /^pstree\.img, entry 1.*: 4194305 cannot be a pid/],
    "highest pid": [tasks({ pid: 4194304 })],
    "pid twice": [
      tasks({ pid: 5 }, { pid: 6 }, { pid: 6 }),
      /^pstree\.img, entry 2, task 6: pid 6 occurs more than once$/,
    ],
    "tid as pid": [tasks({ pid: 5, threads: [6] }, { pid: 6 }), /entry 1, task 6: pid 6 occurs more than once$/],
    "tid twice": [tasks({ pid: 5, threads: [6, 6] }), /entry 0, task 5, thread 6: pid 6 occurs more than once$/],
    "tid 0": [tasks({ pid: 5, threads: [0] }), /entry 0, task 5, thread 0: 0 cannot be a pid/],
    "group too high": [tasks({ pid: 5, group: 4194305 }), /its group is 4194305/],
    "session too high": [tasks({ pid: 5, session: 4294967295 }), /its session is 4294967295/],
    "group and session outside": [tasks({ pid: 5, group: 0, session: 0 })],
    "orphan": [tasks({ pid: 5 }, { pid: 6, parent: 7 }), /^pstree\.img, task 6: its parent 7 is not in the image$/],
    "two roots": [
      tasks({ pid: 5 }, { pid: 6, parent: 0 }),
      /^pstree\.img: 2 tasks have no parent, only one can: 5, 6$/,
    ],
    "own parent": [tasks({ pid: 5 }, { pid: 6, parent: 6 }), /^pstree\.img, task 6: it is its own parent$/],
    "cycle": [
      tasks({ pid: 5 }, { pid: 6, parent: 8 }, { pid: 7, parent: 6 }, { pid: 8, parent: 7 }, { pid: 9, parent: 8 }),
      /^pstree\.img, task 6: it is an ancestor of its parent 8$/,
    ],
    "no root": [tasks({ pid: 5, parent: 6 }, { pid: 6, parent: 5 }), /task 5: it is an ancestor of its parent 6$/],
    "child of a zombie": [
      tasks({ pid: 5 }, { pid: 6, state: "zombie" }, { pid: 7, parent: 6 }),
      /^pstree\.img, task 7: its parent 6 is a zombie/,
    ],
    "state 0": [tasks({ pid: 5, state: 0 }), /^core-5\.img, entry 0: the task state 0 is unknown$/],
    "state 4": [tasks({ pid: 5, state: 4 }), /the task state 4 is unknown$/],
    "state 6": [tasks({ pid: 5 }, { pid: 6, state: 6 })],
    "longest comm": [tasks({ pid: 5, comm: "x".repeat(15) })],
    "long comm": [
      tasks({ pid: 5, comm: "ä".repeat(8) }),
      /^core-5\.img, entry 0: the comm has 16 bytes, 15 is the most$/,
    ],
    "NUL in comm": [tasks({ pid: 5, comm: "a\0b" }), /^core-5\.img, entry 0: the comm "a\\u0000b" has a NUL$/],
    "long comm of a thread": [
      tasks({ pid: 5, threads: [{ tid: 6, comm: "x".repeat(16) }] }),
      /^core-6\.img, entry 0: the comm has 16 bytes/,
    ],
    "unknown set": [
      { ...tasks({ pid: 5, set: 3 }), sets: [V2_SET] },
      /^core-5\.img, entry 0: there is no cgroup set 3/,
    ],
    "unknown old set": [tasks({ pid: 5, oldSet: 3 }), /^core-5\.img, entry 0: there is no cgroup set 3/],
    "unknown set of a thread": [tasks({ pid: 5, threads: [{ tid: 6, set: 3 }] }), /^core-6\.img, .* cgroup set 3/],
    "set of a zombie": [tasks({ pid: 5 }, { pid: 6, state: "zombie", set: 9 })],
    "a zombie that has ended as none can": [
      tasks({ pid: 5 }, { pid: 6, state: "zombie", exitStatus: 19 }),
      /^core-6\.img, entry 0: no task can end with the status 19$/,
    ],
    "another pid namespace": [
      tasks({ pid: 5 }, { pid: 6, ids: { pid: 20 } }),
      /^ids-6\.img, entry 0: the task is in another pid namespace than the root task 5/,
    ],
    "another cgroup namespace": [tasks({ pid: 5 }, { pid: 6, ids: { cgroup: 20 } }), /another cgroup namespace/],
    "several problems": [
      { ...tasks({ pid: 5, set: 7 }, { pid: 5 }, { pid: 6, parent: 9 }), rootCgSet: 0 },
      /^inventory/,
      /^core-5\.img, .* cgroup set 7/,
      /pid 5 occurs more than once/,
      /its parent 9 is not in the image/,
    ],
  }));

Deno.test("buildCheckpoint() knows the key of an external pid namespace, CRIU's own as well", () => {
  assert.ok(!("externalPidNamespace" in aCheckpoint(tasks({ pid: 5 }))));
  for (const rootIds of [{}, { pid: 20 }]) {
    assert.equal(aCheckpoint({ ...tasks({ pid: 5 }), rootIds, externalPids: "outer" }).externalPidNamespace, "outer");
  }
});

Deno.test("buildCheckpoint() refuses bad threads lists and missing cores", () => {
  const images = buildImages(tasks({ pid: 5, threads: [6] }));
  const entry = images.pstree[0]!;
  for (const threads of [[], [6, 5]]) {
    const broken = { ...images, pstree: [{ ...entry, threads }] };
    assert.throws(() => buildCheckpoint(broken), ImageError);
  }
  const lacking = { ...images, cores: new Map([...images.cores].filter(([tid]) => tid === 6)) };
  assert.throws(() => buildCheckpoint(lacking), (error) => {
    assert.ok(error instanceof ImageError);
    assert.deepEqual(error.problems.map((problem) => problem.where), ["core-5.img, entry 0"]);
    return true;
  });
});

Deno.test("buildCheckpoint() refuses bad sets", (t) =>
  checkRows(t, {
    "id 0": [oneTask({ sets: [{ id: 0, members: { "": "/a" } }] }), /^cgroup\.img, set 0: 0 cannot be the id of a set/],
    "id twice": [oneTask({ sets: [V2_SET, V2_SET] }), /^cgroup\.img, set 2: the set occurs more than once$/],
    "other hierarchies": [
      oneTask({ sets: [V2_SET, { id: 3, members: { "": "/a", cpu: "/a" } }] }),
      /^cgroup\.img, set 3: the set has the hierarchies \["","cpu"\], but set 2 has \[""\]$/,
    ],
    "a controller twice": [
      oneTask({ sets: [{ id: 2, members: { "cpu": "/a", "cpu,cpuacct": "/a" } }] }),
      /^cgroup\.img, set 2, hierarchy cpu,cpuacct: "cpu" is in more than one member of the set$/,
    ],
    "a hierarchy name with a space": [
      oneTask({ sets: [{ id: 2, members: { "cpu x": "/" } }] }),
      /hierarchy "cpu x": the hierarchy name "cpu x" is not one/,
    ],
    "a hierarchy name with a path": [
      oneTask({ sets: [{ id: 2, members: { "name=../x": "/" } }] }),
      /hierarchy name "name=..\/x"/,
    ],
    "a long hierarchy name": [
      oneTask({ sets: [{ id: 2, members: { [`name=${"x".repeat(64)}`]: "/" } }] }),
      /is not one/,
    ],
    "good names": [
      oneTask({ sets: [{ id: 2, members: { "name=my-x.y_Z9": "/", "net_cls,net_prio": "/", "cpu,name=z": "/" } }] }),
    ],
    "a relative path": [
      oneTask({ sets: [{ id: 2, members: { "": "a" } }] }),
      /hierarchy cgroup2: path "a" is not absolute/,
    ],
    "a path that goes up": [oneTask({ sets: [{ id: 2, members: { cpu: "/a/../b" } }] }), /the component ".."/],
    "a path with NUL": [oneTask({ sets: [{ id: 2, members: { cpu: "/a\0" } }] }), /a NUL/],
    "a path with a final slash": [oneTask({ sets: [{ id: 2, members: { cpu: "/a/" } }] }), /an empty component/],
    "a long path": [oneTask({ sets: [{ id: 2, members: { cpu: "/a".repeat(100000) } }] }), /a path has 200000 bytes/],
    "a prefix longer than its path": [
      oneTask({ sets: [{ id: 2, members: { cpu: ["/a", 3] } }] }),
      /3 bytes of "\/a" lie outside .*, which are more than it has$/,
    ],
    "a prefix within a component": [
      oneTask({ sets: [{ id: 2, members: { cpu: ["/ab/c", 2] } }] }),
      /2 bytes .* do not end with a component$/,
    ],
    "a prefix within a character": [
      oneTask({ sets: [{ id: 2, members: { cpu: ["/ä/c", 2] } }] }),
      /do not end with a component$/,
    ],
    "a prefix with the slash": [
      oneTask({ sets: [{ id: 2, members: { cpu: ["/a/c", 3] } }] }),
      /do not end with a component$/,
    ],
    "the whole path as prefix": [oneTask({ sets: [{ id: 2, members: { cpu: ["/a/c", 4] } }] })],
  }));

/** Directories nested `depth` deep. */
function nest(depth: number): DirectoryDescription {
  return depth === 1 ? { name: "d" } : { name: "d", children: [nest(depth - 1)] };
}

Deno.test("buildCheckpoint() refuses bad controllers", (t) => {
  return checkRows(t, {
    "no name": [oneTask({ controllers: [{ names: [] }] }), /^cgroup\.img, controller cgroup2: entry 0 has no name$/],
    "a bad name": [oneTask({ controllers: [{ names: ["a/b"] }] }), /hierarchy name "a\/b" is not one/],
    "v2 among controllers": [oneTask({ controllers: [{ names: ["", "cpu"] }] }), /hierarchy name ",cpu" is not one/],
    "an entry twice": [
      oneTask({ controllers: [{ names: ["cpu"] }, { names: ["cpu"] }] }),
      /^cgroup\.img, controller cpu: "cpu" is in more than one entry$/,
    ],
    "a controller in two entries": [
      oneTask({ controllers: [{ names: ["cpu"] }, { names: ["cpu", "cpuacct"] }] }),
      /controller cpu,cpuacct: "cpu" is in more/,
    ],
    "a member without entry, an entry without member": [oneTask({ sets: [V2_SET], controllers: [{ names: ["cpu"] }] })],
    "a directory twice": [
      oneTask({
        controllers: [{ names: ["cpu"], directories: [{ name: "a/b" }, { name: "a", children: [{ name: "b" }] }] }],
      }),
      /^cgroup\.img, controller cpu, directory "\/a\/b": the directory occurs more than once$/,
    ],
    "an absolute directory": [
      oneTask({ controllers: [{ names: ["cpu"], directories: [{ name: "/a" }] }] }),
      /directory "\/\/a": .*an empty component/,
    ],
    "a directory that goes up": [
      oneTask({ controllers: [{ names: ["cpu"], directories: [{ name: "a", children: [{ name: ".." }] }] }] }),
      /directory "\/a\/\.\.": .*the component "\.\."/,
    ],
    "a child without name": [
      oneTask({ controllers: [{ names: ["cpu"], directories: [{ name: "", children: [{ name: "" }] }] }] }),
      /directory "\/": a directory in it has no name$/,
    ],
    "a property with a path": [
      oneTask({
        controllers: [{ names: ["cpu"], directories: [{ name: "a", properties: [{ name: "../x", value: "" }] }] }],
      }),
      /directory "\/a": a property has a "\/" in the name "..\/x"$/,
    ],
    "a property without name": [
      oneTask({
        controllers: [{ names: ["cpu"], directories: [{ name: "a", properties: [{ name: "", value: "" }] }] }],
      }),
      /a property has an empty component$/,
    ],
    "the deepest nesting": [oneTask({ controllers: [{ names: ["cpu"], directories: [nest(64)] }] })],
    "too deep nesting": [
      oneTask({ controllers: [{ names: ["cpu"], directories: [nest(65)] }] }),
      /nested more than 64 deep$/,
    ],
  });
});

Deno.test("buildCheckpoint() takes a chain of 20000 tasks", () => {
  const chain = Array.from({ length: 20000 }, (_, index) => ({ pid: index + 1, parent: index }));
  assert.equal(aCheckpoint({ tasks: chain }).tasks.at(-1)?.pid, 20000);
});
