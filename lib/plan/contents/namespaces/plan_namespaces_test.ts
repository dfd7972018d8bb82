import assert from "node:assert/strict";
import type { Host } from "../../../host/host.ts";
import type { Checkpoint, NamespaceKind } from "../../../model/checkpoint.ts";
import type { NamespaceContents } from "../../../model/namespaces.ts";
import { AN_OBJECT, anIpcNamespace, aSegment } from "../../../../tests/support/ipc_objects.ts";
import { aNet } from "../../../../tests/support/net_contents.ts";
import { buildHost } from "../../../../tests/support/plan_inputs.ts";
import type { NamespacesPlan } from "./namespaces_plan.ts";
import { filesOfNamespaces, planNamespaces } from "./plan_namespaces.ts";

const FILE = { mode: 0o644, size: 0, device: 1 };
const SECOND = 1_000_000_000n;

interface Setting {
  readonly namespaces?: readonly NamespaceKind[];
  readonly strangers?: Checkpoint["strangers"];
  readonly contents?: NamespaceContents;
  /** Files that the host lacks. */
  readonly lacks?: readonly string[];
  readonly host?: Partial<Host>;
  readonly rootIsSibling?: boolean;
  readonly inherited?: Readonly<Record<string, number>>;
  readonly joins?: NamespacesPlan["joins"];
}

function plan(setting: Setting) {
  const {
    namespaces = [],
    strangers = new Map(),
    contents = {},
    lacks = [],
    host,
    rootIsSibling,
    inherited,
    joins = [],
  } = setting;
  const paths = [...filesOfNamespaces(contents), ...joins.map(({ path }) => path)];
  const files = paths.filter((path) => !lacks.includes(path));
  const problems: { where: string; what: string }[] = [];
  const notes: string[] = [];
  const planned = planNamespaces({
    checkpoint: { namespaces: new Set(namespaces), strangers },
    contents,
    host: buildHost({ files: new Map(files.map((path) => [path, FILE])), ...host }),
    ...{ outerEnds: [], parents: [], joins, mayLackSettings: false },
    rootIsSibling: rootIsSibling ?? false,
    held: { tasks: new Map(), threads: new Map(), files: new Map(), segments: new Map() },
    ...{ newPidNamespace: true, programs: [], handle: () => 0, sharesDescriptors: false, outerState: [] },
    inherited: (key) => inherited?.[key],
    scratch: 0x10000,
    ...{ problems, losses: [], notes },
  });
  return { planned, problems: problems.map(({ where, what }) => `${where}: ${what}`), notes };
}

const UTS = { hostName: "a", domainName: "b" };
const CLOCKS = { monotonic: 70n * SECOND, boottime: 80n * SECOND };
const HOST_CLOCKS = {
  clocks: { monotonic: 100n * SECOND, boottime: 60n * SECOND },
  capabilities: new Set(["CAP_SYS_ADMIN", "CAP_SYS_TIME"]),
};
const IPC = anIpcNamespace({ sysctls: new Map([["kernel/msgmax", "5"], ["fs/mqueue/msg_max", "6"]]) });

Deno.test("planNamespaces() refuses what cannot be restored", async (t) => {
  const rows: { name: string; setting: Setting; want: string[] }[] = [
    { name: "nothing to do", setting: { namespaces: ["pid", "cgroup"] }, want: [] },
    {
      name: "user",
      setting: { namespaces: ["user"] },
      want: ["namespaces: the tasks were in a user namespace, of which the images tell nothing"],
    },
    {
      name: "a user namespace that the kernel lacks",
      setting: {
        namespaces: ["user"],
        contents: { user: { uids: [], gids: [] } },
        lacks: ["/proc/self/ns/user"],
        host: { capabilities: new Set(["CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN"]) },
      },
      want: [
        "namespaces: the tasks were in a user namespace, which this kernel does not have",
        "user namespace: it has no user 0, or no group 0, which would make what is in it",
      ],
    },
    {
      name: "a task in another user namespace",
      setting: { strangers: new Map([["user", [7]]]) },
      want: ["namespaces: task 7 was in another user namespace than the root task, which cannot be restored"],
    },
    {
      name: "a task in another one",
      setting: { namespaces: ["uts"], strangers: new Map([["uts", [7]]]) },
      want: ["namespaces: task 7 was in another uts namespace than the root task, which cannot be restored"],
    },
    {
      name: "a task in a net namespace of which the images have nothing",
      setting: {
        namespaces: ["net"],
        strangers: new Map([["net", [7, 8]]]),
        contents: { net: { kind: "empty" }, nestedNets: [aNet()], netNamespaces: new Map([[7, 1]]) },
      },
      want: ["namespaces: task 8 was in another net namespace than the root task, which cannot be restored"],
    },
    {
      name: "tasks in others",
      setting: { namespaces: ["ipc", "time"], strangers: new Map([["ipc", [7, 8]], ["time", [9]]]) },
      want: [
        "namespaces: tasks 7, 8 were in another ipc namespace than the root task, which cannot be restored",
        "namespaces: task 9 was in another time namespace than the root task, which cannot be restored",
      ],
    },
    {
      name: "kinds that the kernel lacks",
      setting: {
        namespaces: ["uts", "ipc"],
        contents: { uts: UTS, ipc: IPC },
        lacks: ["/proc/self/ns/uts", "/proc/self/ns/ipc"],
      },
      want: [
        "namespaces: the tasks were in a uts namespace, which this kernel does not have",
        "namespaces: the tasks were in an ipc namespace, which this kernel does not have",
      ],
    },
    {
      name: "clocks that the kernel lacks",
      setting: { namespaces: ["time"], contents: { clocks: CLOCKS }, lacks: ["/proc/self/ns/time_for_children"] },
      want: ["namespaces: the tasks were in a time namespace, which this kernel does not have"],
    },
    {
      name: "nothing in the images",
      setting: { namespaces: ["uts", "time"] },
      want: [
        "namespaces: the tasks were in a uts namespace, of which the images tell nothing",
        "namespaces: the tasks were in a time namespace, of which the images tell nothing",
      ],
    },
    {
      name: "a root that cannot join it",
      setting: { namespaces: ["uts"], contents: { uts: UTS }, rootIsSibling: true, host: { kernel: [5, 7] } },
      want: [
        "namespaces: the tasks were in a uts namespace, which --restore-sibling can restore with Linux 5.8 or newer only",
      ],
    },
    {
      name: "a root that can join it",
      setting: { namespaces: ["uts"], contents: { uts: UTS }, rootIsSibling: true, host: { kernel: [5, 8] } },
      want: [],
    },
    {
      name: "one to join that is not there",
      setting: { joins: [{ kind: "uts", path: "/ns/uts" }], lacks: ["/ns/uts"] },
      want: ['namespaces: the uts namespace "/ns/uts" for --join-ns: there is no such file'],
    },
    {
      name: "one that the root cannot join",
      setting: { joins: [{ kind: "uts", path: "/ns/uts" }], rootIsSibling: true, host: { kernel: [5, 7] } },
      want: [
        'namespaces: the uts namespace "/ns/uts" for --join-ns: Linux 5.8 or newer is needed, with --restore-sibling',
      ],
    },
    {
      name: "sysctls that the kernel lacks",
      setting: {
        namespaces: ["ipc"],
        contents: { ipc: anIpcNamespace({ ...IPC, segments: [aSegment()] }) },
        lacks: ["/proc/sys/kernel/msgmax", "/proc/sys/kernel/shm_next_id"],
      },
      want: [
        'ipc namespace: "/proc/sys/kernel/msgmax" is missing',
        'ipc namespace: "/proc/sys/kernel/shm_next_id" is missing: the kernel was made without CONFIG_CHECKPOINT_RESTORE',
      ],
    },
  ];
  for (const { name, setting, want } of rows) {
    await t.step(name, () => assert.deepEqual(plan(setting).problems, want));
  }
});

Deno.test("planNamespaces() has clocks go on", async (t) => {
  const offsets = { monotonic: -30n * SECOND, boottime: 20n * SECOND };
  await t.step("in a time namespace", () => {
    const { planned } = plan({
      namespaces: ["time"],
      contents: { clocks: CLOCKS },
      host: { clocks: HOST_CLOCKS.clocks },
    });
    assert.deepEqual(planned.clockOffsets, offsets);
  });
  await t.step("without one", () => {
    const { planned, notes } = plan({ contents: { clocks: CLOCKS }, host: HOST_CLOCKS });
    assert.deepEqual(planned, { kinds: ["time"], clockOffsets: offsets });
    assert.deepEqual(notes, []);
  });
  const obstacles: { name: string; setting: Setting; want: string }[] = [
    { name: "the kernel cannot do it", setting: {}, want: "this kernel has no time namespaces" },
    {
      name: "that is not allowed",
      setting: { host: { ...HOST_CLOCKS, capabilities: new Set() } },
      want: "CAP_SYS_TIME and CAP_SYS_ADMIN are missing",
    },
    {
      name: "a part of that is not allowed",
      setting: { host: { ...HOST_CLOCKS, capabilities: new Set(["CAP_SYS_ADMIN"]) } },
      want: "CAP_SYS_TIME is missing",
    },
    {
      name: "the root could not join it",
      setting: { host: { ...HOST_CLOCKS, kernel: [5, 7] }, rootIsSibling: true },
      want: "--restore-sibling needs Linux 5.8 or newer to set them",
    },
  ];
  for (const { name, setting, want } of obstacles) {
    await t.step(`not where ${name}`, () => {
      const { planned, problems, notes } = plan({ ...setting, contents: { clocks: CLOCKS } });
      assert.deepEqual(planned, { kinds: [] });
      assert.deepEqual(problems, []);
      assert.deepEqual(notes, [`The clocks of the tasks that never stop jump to those of this host: ${want}`]);
    });
  }
  await t.step("not in old dumps", () => assert.deepEqual(plan({ host: HOST_CLOCKS }).planned, { kinds: [] }));
});

Deno.test("planNamespaces() joins those that are there, besides those that are made", () => {
  const joins = [{ kind: "ipc", path: "/ns/ipc" }] as const;
  const { planned, problems } = plan({ namespaces: ["uts"], contents: { uts: UTS }, joins });
  assert.deepEqual(problems, []);
  assert.deepEqual(planned, { kinds: ["ipc", "uts"], joins, uts: UTS });
});

Deno.test("planNamespaces() leaves out limits of message queues of POSIX that the kernel lacks", () => {
  const { planned, problems, notes } = plan({ contents: { ipc: IPC }, lacks: ["/proc/sys/fs/mqueue/msg_max"] });
  assert.deepEqual(problems, []);
  assert.deepEqual(planned.ipc?.sysctls, [{ path: "kernel/msgmax", value: "5" }]);
  assert.deepEqual(notes, ["This kernel has no message queues of POSIX: their limits are not restored"]);
});

Deno.test("planNamespaces() plans what an ipc namespace has", async (t) => {
  const run = { address: 4096, count: 1, file: "/pages", offset: 8192 };
  const pages = aSegment({ content: { kind: "pages", pages: [run] }, creatorUid: 5, creatorGid: 6, isRemoved: true });
  const whole = aSegment({ id: 4, size: 100, content: { kind: "whole", file: "/image", offset: 33 } });
  const ipc = anIpcNamespace({
    sysctls: new Map([["kernel/shmmni", "2"]]),
    nextIds: new Map([["kernel/shm_next_id", 7]]),
    segments: [pages, whole],
    semaphores: [{ ...AN_OBJECT, values: [1] }],
  });
  const { planned: { ipc: planned }, problems } = plan({ contents: { ipc } });
  assert.deepEqual(problems, []);
  await t.step("limits are as high as can be, then what they were; the next ids come last", () => {
    assert.deepEqual(planned?.raised.map(({ path }) => path), ["kernel/shmmni", "kernel/sem"]);
    assert.deepEqual(planned?.sysctls, [
      { path: "kernel/shmmni", value: "2" },
      { path: "kernel/shm_next_id", value: "7" },
    ]);
  });
  await t.step("contents go to where the segment is attached", () => {
    assert.deepEqual(planned?.segments.map(({ fills }) => fills), [
      [{ kind: "fill", file: "/pages", offset: 8192, ranges: [0x11000, 4096] }],
      [{ kind: "fill", file: "/image", offset: 33, ranges: [0x10000, 100] }],
    ]);
  });
  await t.step("a creator is told where it is somebody else", () => {
    assert.deepEqual(planned?.segments.map(({ creator }) => creator), [
      { uid: 5, gid: 6, own: { uid: 0, gid: 0 } },
      undefined,
    ]);
  });
  await t.step("removed segments go", () => assert.deepEqual(planned?.removed, [3]));
});
