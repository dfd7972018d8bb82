import assert from "node:assert/strict";
import { AN_OBJECT, anIpcNamespace, aSegment } from "../../../../tests/support/ipc_objects.ts";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { buildHost } from "../../../../tests/support/plan_inputs.ts";
import { anInetSocket } from "../../../../tests/support/sockets.ts";
import { NEW_SOCKET_OPTIONS } from "../../../../tests/support/unix_sockets.ts";
import type { Host } from "../../../host/host.ts";
import type { Terminal, TerminalFile } from "../../../model/files/terminal_file.ts";
import { NO_ID } from "../../../model/id_ranges.ts";
import type { Mount } from "../../../model/mounts.ts";
import type { NamespaceContents, UserNamespace } from "../../../model/namespaces.ts";
import type { OpenFile } from "../../../model/open_file.ts";
import type { Credentials, TaskState, ThreadState } from "../../../model/task_state.ts";
import { MountPlaces } from "./mount_places.ts";
import type { NetPlan } from "./net_plan.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";
import { checkUser, planUser } from "./plan_user.ts";

const RANGES = [{ first: 0, outside: 100000, count: 1000 }];
const USER: UserNamespace = { uids: RANGES, gids: RANGES };
const ALL = [{ first: 0, outside: 0, count: 0xffff_ffff }];
const HOST_USER = { uids: ALL, gids: ALL, largestSendBuffer: 1000, largestReceiveBuffer: 1000 };
const NO_LOGIN = [{ key: "loginUid", file: "loginuid", value: 7 }] as const;
const CAPABILITIES = new Set(["CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN"]);

const NO_MODE = { input: 0, output: 0, control: 0, local: 0, discipline: 0, characters: new Uint8Array(19) };
const SIZE = { rows: 0, columns: 0, width: 0, height: 0 };
const WAITING = { queue: Uint8Array.of(7) };
const LOCKED = { settings: { mode: NO_MODE, locked: { ...NO_MODE, local: 8 }, size: SIZE } };

function aTerminal(id: number, owner: NonNullable<Terminal["owner"]>, part: Partial<Terminal> = {}): TerminalFile {
  const common = { id, type: "slave", index: id, owner, queue: new Uint8Array() } as const;
  const terminal = { ...common, ...part } as Partial<Terminal> as Terminal;
  return { kind: "terminal", id, flags: 2, terminal } as Partial<TerminalFile> as TerminalFile;
}

interface Setting {
  readonly user?: UserNamespace;
  readonly net?: NetPlan;
  readonly contents?: NamespaceContents;
  readonly host?: Partial<Host>;
  readonly threads?: Readonly<Record<number, Partial<ThreadState>>>;
  readonly files?: readonly OpenFile[];
  readonly mounts?: readonly Mount[];
  readonly questions?: Partial<NamespaceQuestions>;
}

function ask(
  { user = USER, contents = {}, host, threads = {}, files = [], mounts, questions }: Setting,
): NamespaceQuestions {
  const options = { external: [], takesDetected: false };
  const states = Object.entries(threads).map((
    [tid, state],
  ): [number, ThreadState] => [
    Number(tid),
    { scheduling: { policy: 0, priority: 0, nice: 0 }, ...state } as ThreadState,
  ]);
  return {
    checkpoint: { namespaces: new Set(), strangers: new Map() },
    contents: { user, ...contents },
    held: {
      tasks: new Map([[1, {} as TaskState]]),
      threads: new Map(states),
      files: new Map(files.map((file) => [file.id, file])),
      segments: new Map(),
    },
    host: buildHost({ kernel: [6, 12], user: HOST_USER, capabilities: CAPABILITIES, ...host }),
    ...mounts === undefined ? {} : { places: new MountPlaces(mounts, options) },
    ...{ programs: [], handle: () => 0 },
    ...{ newPidNamespace: true, sharesDescriptors: false, rootIsSibling: false, outerState: [] },
    ...{
      outerEnds: [],
      parents: [],
      joins: [],
      mayLackSettings: false,
      scratch: 0,
      problems: [],
      losses: [],
      notes: [],
    },
    inherited: () => undefined,
    ...questions,
  };
}

function credentials(uid: number, groups: readonly number[] = []): Credentials {
  const users = { uid, effectiveUid: uid, savedUid: uid, fsUid: uid };
  return { ...users, gid: 0, effectiveGid: 0, savedGid: 0, fsGid: 0, groups } as unknown as Credentials;
}

/** Of this host, and of a tmpfs. */
const OF_REMOVED = [
  aMount({ id: 4, mountPoint: "/gone", type: "", device: 1, root: "/x", isDeleted: true }),
  aMount({ id: 5, mountPoint: "/t" }),
  aMount({ id: 6, mountPoint: "/too", device: 105, root: "/x", isDeleted: true }),
];
const LIMITED = anIpcNamespace({ sysctls: new Map([["kernel/msgmax", "8192"], ["fs/mqueue/msg_max", "10"]]) });

Deno.test("checkUser() tells what cannot be in a user namespace", async (t) => {
  const tmpfs = aMount({ id: 2, mountPoint: "/dev" });
  const file = { path: "file", mode: 0o100600, uid: 7, gid: 1007, changeTime: 0, size: 0, parts: [], device: 0 };
  const device = { ...file, path: "null", mode: 0o020666, gid: 7, device: 0x103 };
  const whiteout = { ...device, path: "hidden", device: 0 };
  const options = { ...NEW_SOCKET_OPTIONS, sendBuffer: 2002, receiveBuffer: 2002, lockedBuffers: 1 };
  const rows: readonly (readonly [string, Setting, readonly string[]])[] = [
    ["nothing", {}, []],
    ["no capability", { host: { capabilities: new Set(["CAP_SYS_ADMIN"]) } }, [
      "user namespace: CAP_SETUID, CAP_SETGID missing, to make it and its maps",
    ]],
    ["no root", { user: { uids: RANGES, gids: [{ first: 1, outside: 0, count: 9 }] } }, [
      "user namespace: it has no user 0, or no group 0, which would make what is in it",
    ]],
    ["users that are not here", { host: { user: { ...HOST_USER, uids: [{ first: 0, outside: 0, count: 100500 }] } } }, [
      "user namespace: it has users that this host does not have: see /proc/self/uid_map",
    ]],
    ["groups that are not here", { host: { user: { ...HOST_USER, gids: [] } } }, [
      "user namespace: it has groups that this host does not have: see /proc/self/gid_map",
    ]],
    ["a login that a sibling cannot set", { questions: { rootIsSibling: true, outerState: NO_LOGIN } }, [
      "user namespace: its tasks have another login uid than cgrestore, which --restore-sibling cannot set",
    ]],
    ["namespaces of others", {
      net: { kind: "join", fd: 7, key: "net", link: "" },
      questions: { rootIsSibling: true, joins: [{ kind: "uts", path: "/ns/uts" }] },
    }, [
      "user namespace: the uts namespace is another one's, which --restore-sibling cannot enter from within it",
      "user namespace: the net namespace is another one's, which --restore-sibling cannot enter from within it",
    ]],
    ["a thread with a pid of this host", { threads: { 1: {}, 2: {} }, questions: { newPidNamespace: false } }, [
      "user namespace: thread 2 cannot have its tid in it: the tasks have no pid namespace of their own",
    ]],
    ["an old kernel", { host: { kernel: [5, 7] }, questions: { newPidNamespace: false } }, [
      "user namespace: Linux 5.8 or newer is needed where the tasks have no pid namespace",
    ]],
    ["descriptors that are shared, and mounts", {
      mounts: [ROOT_MOUNT],
      questions: { newPidNamespace: false, sharesDescriptors: true },
    }, ["user namespace: tasks share their descriptors, and have mounts, but no pid namespace of their own"]],
    ["limits of ipc that a new namespace has", { contents: { ipc: LIMITED }, host: { kernel: [6, 8] } }, []],
    ["limits of ipc that may not be set", {
      contents: { ipc: { ...LIMITED, sysctls: new Map([...LIMITED.sysctls, ["kernel/shmmni", "5000"]]) } },
      host: { kernel: [6, 8] },
    }, ["user namespace: Linux 6.9 or newer is needed to set the sysctl kernel.shmmni to 5000 in it"]],
    ["objects of ipc", {
      contents: { ipc: { ...LIMITED, segments: [aSegment()] } },
      host: { kernel: [6, 8] },
    }, ["user namespace: Linux 6.9 or newer is needed for the System V objects in it"]],
    ["a sysfs of this host", { mounts: [ROOT_MOUNT, aMount({ id: 2, mountPoint: "/sys", type: "sysfs" })] }, [
      'mount "/sys" of type sysfs: the tasks have no net namespace of their own, so that nobody in their user namespace may make it: it had to be dumped as an external one',
    ]],
    ["a proc of others", {
      questions: { newPidNamespace: false },
      mounts: [ROOT_MOUNT, aMount({ id: 2, mountPoint: "/proc", type: "proc" })],
    }, [
      'mount "/proc" of type proc: the tasks have no pid namespace of their own, so that nobody in their user namespace may make it: it had to be dumped as an external one',
    ]],
    ["a proc of its own", { mounts: [ROOT_MOUNT, aMount({ id: 2, mountPoint: "/proc", type: "proc" })] }, []],
    ["a sysfs of its own", {
      net: { kind: "leave" },
      mounts: [ROOT_MOUNT, aMount({ id: 2, mountPoint: "/sys", type: "sysfs" })],
    }, []],
    ["what this host does not have mounted, and what may be its own", {
      mounts: [
        ROOT_MOUNT,
        aMount({ id: 2, mountPoint: "/debug", type: "debugfs" }),
        aMount({ id: 3, mountPoint: "/security", type: "securityfs" }),
        aMount({ id: 4, mountPoint: "/formats", type: "binfmt_misc" }),
        aMount({ id: 5, mountPoint: "/huge", type: "hugetlbfs" }),
      ],
      host: { fileSystems: new Map([["securityfs", "/sys/kernel/security"]]) },
    }, [
      'mount "/debug" of type debugfs: nobody in the user namespace may make it, and it is not mounted here',
      'mount "/formats" of type binfmt_misc: a user namespace may have formats of its own in it, which are not restored',
      'mount "/huge" of type hugetlbfs: nobody in the user namespace may make it',
    ]],
    ["a directory that was removed", { mounts: [ROOT_MOUNT, ...OF_REMOVED] }, [
      'mount "/gone": what it shows was removed, and nobody in the user namespace may be able to make it again',
    ]],
    ["a device", { mounts: [ROOT_MOUNT, { ...tmpfs, tree: [whiteout, device] }] }, [
      'mount "/dev" of type tmpfs: "null" is a device, which no user namespace has of its own',
    ]],
    ["a file of others", { mounts: [ROOT_MOUNT, { ...tmpfs, tree: [file] }] }, [
      'mount "/dev" of type tmpfs, "file": it has group 1007, not of the user namespace',
    ]],
    ["tasks of others", { threads: { 1: { credentials: credentials(1000, [65534]) } } }, [
      "task 1: it has user 1000, group 65534, not of the user namespace",
    ]],
    ["objects of others", {
      contents: {
        ipc: anIpcNamespace({ segments: [aSegment({ uid: 1000 })], semaphores: [{ ...AN_OBJECT, values: [] }] }),
      },
    }, ["shared memory 3: it has user 1000, not of the user namespace"]],
    ["deadlines", { threads: { 1: { scheduling: { policy: 6, priority: 0, nice: 0 } } } }, [
      "task 1: nobody in a user namespace may set its deadlines",
    ]],
    ["a priority", { threads: { 1: { scheduling: { policy: 1, priority: 7, nice: 0 } } } }, [
      "task 1: CAP_SYS_RESOURCE is missing, to set its priority in a user namespace",
    ]],
    ["a terminal of others, but not of nobody", {
      files: [aTerminal(1, { uid: 1000, gid: NO_ID }), aTerminal(2, { uid: NO_ID, gid: NO_ID })],
    }, [
      "terminal: it has user 1000, not of the user namespace",
    ]],
    ["what takes capabilities outside, which cgrestore has", {
      files: [aTerminal(1, { uid: 0, gid: 5 }, WAITING), aTerminal(3, { uid: 0, gid: 5 }, LOCKED)],
    }, []],
    ["what takes capabilities outside, which cgrestore has not", {
      host: { user: { ...HOST_USER, uids: [{ first: 0, outside: 0, count: 1_000_000 }] } },
      files: [
        aTerminal(1, { uid: 0, gid: 5 }, WAITING),
        aTerminal(2, { uid: 0, gid: 5 }, { settings: { mode: NO_MODE, locked: NO_MODE, size: SIZE } }),
        aTerminal(3, { uid: 0, gid: 5 }, LOCKED),
      ],
    }, [
      "terminal, slave 1: what waits to be read from it cannot be put back: cgrestore itself is in a user namespace",
      "terminal, slave 3: what of its mode is locked cannot be locked: cgrestore itself is in a user namespace",
    ]],
    ["a large buffer", { files: [anInetSocket({ id: 5, options })] }, [
      "inet socket 5: its send buffer of 2002 bytes is larger than may be asked for in a user namespace: see the sysctl net.core.wmem_max",
    ]],
  ];
  for (const [name, setting, want] of rows) {
    await t.step(name, () => {
      const questions = ask(setting);
      checkUser(setting.user ?? USER, setting.net, questions);
      assert.deepEqual(questions.problems.map(({ where, what }) => `${where}: ${what}`), want);
    });
  }
});

Deno.test("planUser() has tasks born in it, or enter it late", () => {
  const outerState = [{ key: "loginUid", file: "loginuid", value: 7 }] as const;
  const run = { address: 0, count: 1, file: "/pages-2.img", offset: 0 };
  const contents = { ipc: anIpcNamespace({ segments: [aSegment({ content: { kind: "pages", pages: [run] } })] }) };
  assert.deepEqual(planUser(USER, { ...ask({ contents, questions: { outerState } }), held: HELD }), {
    ...USER,
    entersLate: false,
    state: [{ file: "loginuid", value: 7 }],
    images: ["/pages-1.img", "/pages-2.img"],
  });
  assert.equal(planUser(USER, { ...ask({ questions: { newPidNamespace: false } }), held: HELD }).entersLate, true);
});

const HELD: NamespaceQuestions["held"] = {
  tasks: new Map([[
    1,
    { memory: { pages: [{ address: 0, count: 1, file: "/pages-1.img", offset: 0 }] } } as unknown as TaskState,
  ]]),
  threads: new Map(),
  files: new Map(),
  segments: new Map(),
};
