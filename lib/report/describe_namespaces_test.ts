import assert from "node:assert/strict";
import { AN_OBJECT, anIpcNamespace, aSegment } from "../../tests/support/ipc_objects.ts";
import { aMount, ROOT_MOUNT } from "../../tests/support/mounts.ts";
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
  assert.deepEqual(describeNamespaces({}), []);
});

Deno.test("describeMadeNamespaces() tells how clocks differ", () => {
  const clockOffsets = { monotonic: -1_500_000_000n, boottime: 20n };
  assert.deepEqual(describeMadeNamespaces({ kinds: ["time"], clockOffsets }), [
    "time: monotonic clock -1.500 s and clock since boot 0.000 s from this host's",
  ]);
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

Deno.test("describeMadeNamespaces() tells of what mounts are made", () => {
  const step = { at: "", on: 0, flags: 0, followsHost: false };
  const source = { kind: "new", type: "proc", source: "proc", options: [], lateOptions: [], files: [] } as const;
  const steps = [
    { ...step, mountPoint: "/", source: { kind: "here", path: "/srv/root" } as const },
    { ...step, mountPoint: "/proc", source },
    { ...step, mountPoint: "/lib", source: { kind: "part", of: 0, path: "usr/lib" } as const },
    { ...step, mountPoint: "/again", source: { kind: "part", of: 1, path: "" } as const },
  ];
  assert.deepEqual(describeMadeNamespaces({ kinds: ["mnt"], mounts: { steps, sharing: [] } }), [
    "mnt: 4 mounts",
    '  "/": "/srv/root" of this host',
    '  "/proc": a new proc',
    '  "/lib": "usr/lib" of "/"',
    '  "/again": the same as "/proc"',
  ]);
});
