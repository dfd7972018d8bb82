import assert from "node:assert/strict";
import { AN_OBJECT, anIpcNamespace, aSegment } from "../../tests/support/ipc_objects.ts";
import { aMount, ROOT_MOUNT } from "../../tests/support/mounts.ts";
import { aNet, aRoute, LOCAL_ADDRESS, LOOPBACK_DEVICE } from "../../tests/support/net_contents.ts";
import type { NetNamespace } from "../model/namespaces.ts";
import type { NetPlan } from "../plan/contents/namespaces/net_plan.ts";
import { describeMadeNamespaces, describeNamespaces } from "./describe_namespaces.ts";

Deno.test("describeNamespaces() tells what they have", () => {
  const message = { type: 1n, bytes: new Uint8Array() };
  const ipc = anIpcNamespace({
    segments: [aSegment()],
    queues: [{ ...AN_OBJECT, capacity: 1, messages: [message, message] }],
    semaphores: [{ ...AN_OBJECT, values: [1] }, { ...AN_OBJECT, id: 4, values: [1] }],
  });
  assert.deepEqual(describeNamespaces({ uts: { hostName: "a", domainName: "" }, ipc }), [
    'uts: host "a", domain ""',
    "ipc: 1 segment of shared memory, 1 message queue with 2 messages, 2 sets of semaphores",
  ]);
  assert.deepEqual(describeNamespaces({ ipc: anIpcNamespace() }), ["ipc: no System V objects"]);
  const user = {
    uids: [{ first: 0, outside: 100000, count: 65536 }],
    gids: [{ first: 0, outside: 1000, count: 1 }, { first: 1, outside: 200000, count: 9 }],
  };
  assert.deepEqual(describeNamespaces({ user }), [
    "user: users 0-65535 are 100000-165535; groups 0 is 1000, 1-9 are 200000-200008",
  ]);
  assert.deepEqual(describeNamespaces({}), []);
});

Deno.test("describeMadeNamespaces() tells how clocks differ", () => {
  const clockOffsets = { monotonic: -1_500_000_000n, boottime: 20n };
  assert.deepEqual(describeMadeNamespaces({ kinds: ["time"], clockOffsets }), [
    "time: monotonic clock -1.500 s and clock since boot 0.000 s from this host's",
  ]);
});

Deno.test("describeMadeNamespaces() tells which are there already", () => {
  const joins = [{ kind: "ipc", path: "/run/ipcns/pod" }] as const;
  assert.deepEqual(describeMadeNamespaces({ kinds: ["ipc"], joins }), ['ipc: that of "/run/ipcns/pod"']);
});

Deno.test("describeNamespaces() tells what is mounted", () => {
  const file = { path: "", mode: 0o040755, uid: 0, gid: 0, changeTime: 0, size: 0, parts: [], device: 0 };
  const mounts = [
    ROOT_MOUNT,
    aMount({ id: 2, mountPoint: "/t", tree: [file, { ...file, path: "a" }, { ...file, path: "b" }] }),
    aMount({ id: 3, mountPoint: "/part", type: "", root: "/usr" }),
    aMount({ id: 4, mountPoint: "/data", type: "", root: "/x", external: "data" }),
  ];
  assert.deepEqual(describeNamespaces({ mounts }), [
    "mnt: 4 mounts",
    '  "/": file system',
    '  "/t": tmpfs with 2 files',
    '  "/part": file system, "/usr" of it',
    '  "/data": file system, external as "data"',
  ]);
});

Deno.test("describeNamespaces() tells what is mounted in which namespace", () => {
  const mounts = [
    ROOT_MOUNT,
    { ...ROOT_MOUNT, id: 10, namespace: 1 },
    aMount({ id: 11, mountPoint: "/t", namespace: 1 }),
  ];
  const root = '  "/": file system';
  const t = '  "/t": tmpfs';
  assert.deepEqual(describeNamespaces({ mounts }), ["mnt: 1 mount", root, "mnt 2: 2 mounts", root, t]);
  const rows: readonly (readonly [ReadonlyMap<number, number>, string])[] = [
    [new Map([[34, 1]]), "mnt 2: 2 mounts, of task 34"],
    [new Map([[35, 1], [36, 2], [34, 1]]), "mnt 2: 2 mounts, of tasks 34, 35"],
  ];
  for (const [mountNamespaces, want] of rows) {
    assert.equal(describeNamespaces({ mounts, mountNamespaces })[2], want);
  }
});

Deno.test("describeMadeNamespaces() tells of what mounts are made", () => {
  const step = { namespace: 0, at: "", on: 0, flags: 0, followsHost: false };
  const source = { kind: "new", type: "proc", source: "proc", options: [], lateOptions: [], files: [] } as const;
  const steps = [
    { ...step, mountPoint: "/", source: { kind: "here", path: "/srv/root" } as const },
    { ...step, mountPoint: "/proc", source },
    { ...step, mountPoint: "/lib", source: { kind: "part", of: 0, path: "usr/lib" } as const },
    { ...step, mountPoint: "/again", source: { kind: "part", of: 1, path: "" } as const },
    { ...step, mountPoint: "/gone", source: { kind: "part", of: 0, path: "gone", removed: [] } as const },
  ];
  assert.deepEqual(describeMadeNamespaces({ kinds: ["mnt"], mounts: { steps, sharing: [] } }), [
    "mnt: 5 mounts",
    '  "/": "/srv/root" of this host',
    '  "/proc": a new proc',
    '  "/lib": "usr/lib" of "/"',
    '  "/again": the same as "/proc"',
    '  "/gone": "gone" of "/", removed',
  ]);
});

Deno.test("describeNamespaces() tells what a net namespace has", async (t) => {
  const veth = { kind: "veth", name: "eth0", index: 2, mtu: 1500, flags: 0 } as const;
  const rows: readonly (readonly [NetNamespace, string])[] = [
    [{ kind: "empty" }, "left to others to set up"],
    [{ kind: "external", key: "outer" }, 'external, "outer"'],
    [aNet({ routes: [aRoute([10, 0, 0, 0], 8)] }), 'loopback device "lo" up, 2 addresses, 1 route'],
    [aNet({ rules: [] }), 'loopback device "lo" up, 2 addresses, 0 routes, 0 rules for routes'],
    [
      aNet({
        devices: [LOOPBACK_DEVICE, veth, { ...veth, name: "eth1", peer: 4, peerNet: 1 }],
        addresses: [LOCAL_ADDRESS],
        filters: [{ tool: "nft", text: "a\nb", rules: ["a", "b"] }],
      }),
      'loopback device "lo" up, veth device "eth0" down, veth device "eth1" down, connected to device 4 of net namespace 2, ' +
      "1 address, 0 routes, rules for packets of nft",
    ],
  ];
  for (const [net, want] of rows) {
    await t.step(want, () => assert.deepEqual(describeNamespaces({ net }), [`net: ${want}`]));
  }
  await t.step("and which tasks are in others", () => {
    const netNamespaces = new Map([[9, 1], [8, 1], [7, 2]]);
    assert.deepEqual(describeNamespaces({ net: aNet(), nestedNets: [aNet(), { kind: "empty" }], netNamespaces }), [
      'net: loopback device "lo" up, 2 addresses, 0 routes',
      'net 2, of tasks 8, 9: loopback device "lo" up, 2 addresses, 0 routes',
      "net 3, of task 7: left to others to set up",
    ]);
  });
});

Deno.test("describeMadeNamespaces() tells what becomes of a net namespace", async (t) => {
  const rows: readonly (readonly [NetPlan, string])[] = [
    [{ kind: "leave" }, "left to others to set up"],
    [{ kind: "join", fd: 30, key: "outer", link: "net:[4]" }, 'that behind descriptor 30, for "outer"'],
    [
      {
        kind: "fill",
        ...{
          ...{ idRequests: [], pairs: [], children: [], deviceRequests: [], setUp: [], ids: new Map() },
          connections: [],
          sysctls: [],
          requests: [],
          ruleRequests: [],
          filters: [{ tool: "nft", enter: "/bin/nsenter", command: ["/sbin/nft"], text: "" }],
          tracked: [],
          addresses: [],
          routes: ["10.0.0.0/8"],
          rules: ["7 table 254"],
        },
        devices: [LOOPBACK_DEVICE, { ...LOOPBACK_DEVICE, flags: 0, name: "a" }, { ...LOOPBACK_DEVICE, name: "b" }],
        outerEnds: [{ inner: "a", name: "c" }, { inner: "b", name: "d", bridge: "br0" }],
      },
      'loopback device "lo" up, loopback device "a" down, its other end "c" here, ' +
      'loopback device "b" up, its other end "d" here in bridge "br0", 0 addresses, 1 route, ' +
      "1 rule for routes, rules for packets of nft",
    ],
  ];
  for (const [net, want] of rows) {
    await t.step(want, () => assert.deepEqual(describeMadeNamespaces({ kinds: ["net"], net }), [`net: ${want}`]));
  }
});
