import assert from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import { AN_OBJECT, aSegment } from "../../../../tests/support/ipc_objects.ts";
import { fillNamespaces } from "./fill_namespaces.ts";
import type { NamespacesPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import {
  becomeFirstRoot,
  describeOffset,
  joinNamespaces,
  makeNamespaces,
  makeUserNamespace,
} from "./make_namespaces.ts";

Deno.test("describeOffset() never has nanoseconds below 0", async (t) => {
  const rows: readonly (readonly [bigint, string])[] = [
    [0n, "1 0 0\n"],
    [1_000_000_001n, "1 1 1\n"],
    [-1n, "1 -1 999999999\n"],
    [-2_500_000_000n, "1 -3 500000000\n"],
    [-3_000_000_000n, "1 -3 0\n"],
  ];
  for (const [offset, want] of rows) await t.step(`${offset}`, () => assert.equal(describeOffset(1, offset), want));
});

Deno.test("makeNamespaces() makes all at once, and enters the one that is for children only", () => {
  const offsets = new TextEncoder().encode("1 1 0\n7 2 0\n").toHex();
  const clockOffsets = { monotonic: 1_000_000_000n, boottime: 2_000_000_000n };
  assert.deepEqual(makeNamespaces(filesContext(), { kinds: [] }), []);
  assert.deepEqual(makeNamespaces(filesContext(), { kinds: ["uts"] }).map(renderCall), [`unshare ${0x4000000}`]);
  assert.deepEqual(makeNamespaces(filesContext(), { kinds: ["ipc", "time"], clockOffsets }).map(renderCall), [
    `unshare ${0x8000080}`,
    'openat -100 "/proc/self/timens_offsets" 1 = 0',
    `write 0 ${offsets} 12 = 12`,
    "close 0",
    'openat -100 "/proc/self/ns/time_for_children" 0 = 0',
    "setns 0 128",
    "close 0",
  ]);
});

Deno.test("makeNamespaces() joins a net namespace that the user provides", () => {
  const net = { kind: "join", fd: 30, key: "outer", link: "net:[4]" } as const;
  const callsOf = (kinds: NamespacesPlan["kinds"]) => makeNamespaces(filesContext(), { kinds, net }).map(renderCall);
  assert.deepEqual(callsOf(["net"]), [`setns 30 ${0x40000000}`]);
  assert.deepEqual(callsOf(["uts", "net"]), [`unshare ${0x4000000}`, `setns 30 ${0x40000000}`]);
  assert.deepEqual(joinNamespaces(filesContext(), { kinds: ["uts", "net"], net }, 9).map(renderCall), [
    `setns 9 ${0x44000000}`,
  ]);
});

Deno.test("makeNamespaces() joins those that are there, and makes the others", () => {
  const joins = [{ kind: "uts", path: "/ns/uts" }, { kind: "ipc", path: "/ns/ipc" }] as const;
  assert.deepEqual(makeNamespaces(filesContext(), { kinds: ["uts", "ipc", "net"], joins }).map(renderCall), [
    `unshare ${0x40000000}`,
    'openat -100 "/ns/uts" 0 = 0',
    `setns 0 ${0x4000000}`,
    "close 0",
    'openat -100 "/ns/ipc" 0 = 0',
    `setns 0 ${0x8000000}`,
    "close 0",
  ]);
});

Deno.test("makeUserNamespace() opens what is outside, makes all at once, and becomes root", () => {
  const root = {
    mountPoint: "/",
    namespace: 0,
    at: "",
    source: { kind: "here", path: "/srv" },
    flags: 0,
    followsHost: true,
  } as const;
  const { before, after, mounts } = makeUserNamespace(filesContext(), {
    kinds: ["uts", "user", "ipc", "mnt"],
    joins: [{ kind: "uts", path: "/ns/uts" }],
    mounts: { steps: [root], sharing: [] },
  });
  assert.deepEqual(before.map(renderCall), [
    'openat -100 "/ns/uts" 0 = 0',
    `setns 0 ${0x4000000}`,
    "close 0",
    'open_tree -100 "/srv" 1 = 0',
    'openat -100 "/" 2162688 = 1',
    `unshare ${0x18020000}`,
  ]);
  assert.deepEqual(after.map(renderCall), [
    "setgroups 0 0",
    "setresgid 0 0 0",
    "setresuid 0 0 0",
    "prctl 4 1 0 0 0",
    `mount_setattr -100 "/" 32768 ${"0".repeat(32)}0000080000000000${"0".repeat(16)} 32`,
    "fchdir 1",
    "close 1",
  ]);
  assert.deepEqual([...mounts.descriptors], [[0, 0]]);
});

Deno.test("makeUserNamespace() enters that of the root task, when that has begun it", () => {
  const { before, after } = makeUserNamespace(filesContext(), { kinds: ["user", "uts"] }, 77);
  assert.deepEqual(before.map(renderCall), ["pidfd_open 77 0 = 0", `setns 0 ${0x10000000}`, "close 0"]);
  assert.deepEqual(after.map(renderCall).slice(-2), ["prctl 4 1 0 0 0", `unshare ${0x4000000}`]);
  assert.equal(makeUserNamespace(filesContext(), { kinds: ["user"] }, 77).after.length, 4);
});

Deno.test("becomeFirstRoot() leaves no capability inheritable, nor ambient", () => {
  const context = { ...filesContext(), ownCapabilities: { permitted: 1n << 40n | 3n, effective: 2n, bounding: 0n } };
  const low = "020000000300000000000000", high = "000000000001000000000000";
  assert.equal(becomeFirstRoot(context).map(renderCall).at(-1), `capset 2205082000000000 ${low}${high}`);
});

Deno.test("joinNamespaces() joins those that were made", () => {
  assert.deepEqual(joinNamespaces(filesContext(), { kinds: [] }, 9), []);
  assert.deepEqual(joinNamespaces(filesContext(), { kinds: ["uts", "time"] }, 9).map(renderCall), [
    `setns 9 ${0x4000080}`,
  ]);
});

Deno.test("fillNamespaces() makes a segment as its creator, and reads its content", () => {
  const creator = { uid: 5, gid: 6, own: { uid: 0, gid: 0 } };
  const fill = { kind: "fill", file: "/pages", offset: 4096, ranges: [0x1000, 8192] } as const;
  const segments = [{ ...aSegment({ uid: 7, isLocked: true }), creator, scratch: 0x1000, fills: [fill] }];
  const ipc = { raised: [], segments, queues: [], semaphores: [], sysctls: [], removed: [] };
  const calls = fillNamespaces(filesContext(), { kinds: ["ipc"], ipc }).calls.map(renderCall);
  const isOwner = (call: string) => call.startsWith("shmctl 3 1 ");
  assert.deepEqual(calls.filter((call) => !isOwner(call)), [
    'openat -100 "/proc/sys/kernel/shm_next_id" 1 = 0',
    "write 0 33 1 = 1",
    "close 0",
    "setresgid -1 6 -1",
    "setresuid -1 5 -1",
    `shmget ${0x77} 8192 ${0o3640} = 3`,
    "setresuid -1 0 -1",
    "setresgid -1 0 -1",
    "prctl 4 1 0 0 0",
    "shmat 3 4096 0 = 4096",
    'openat -100 "/pages" 0 = 0',
    `preadv 0 ${"0010000000000000"}${"0020000000000000"} 1 4096 0 = 8192`,
    "close 0",
    "shmdt 4096",
    "shmctl 3 11 0",
  ]);
  assert.match(calls.find(isOwner) ?? "", /^shmctl 3 1 0{8}070{14}0{16}a0010000/);
});

Deno.test("fillNamespaces() sets the capacity of a queue behind its messages", () => {
  const queues = [{ ...AN_OBJECT, capacity: 1, messages: [{ type: 2n, bytes: new Uint8Array([0xff]) }] }];
  const ipc = { raised: [], segments: [], queues, semaphores: [], sysctls: [], removed: [] };
  const calls = fillNamespaces(filesContext(), { kinds: ["ipc"], ipc }).calls.map(renderCall).slice(3);
  assert.deepEqual(calls.slice(0, 2), [`msgget ${0x77} ${0o3640} = 3`, `msgsnd 3 0200000000000000ff 1 ${0o4000}`]);
  assert.match(calls[2] ?? "", /^msgctl 3 1 /);
});
