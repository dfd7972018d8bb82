import assert from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import type { MountsPlan } from "../../../plan/contents/namespaces/mounts_plan.ts";
import { joinNamespaces, makeNamespaces } from "./make_namespaces.ts";
import { makeMounts, makePtyMounts, sealMounts } from "./make_mounts.ts";

const MS_RELATIME = 1 << 21;
const ALL = "ff00200000000000";
const NOTHING = "0000000000000000";
const PRIVATE = "0000040000000000";

const PLAN: MountsPlan = {
  steps: [
    {
      mountPoint: "/",
      namespace: 0,
      at: "",
      source: { kind: "here", path: "/srv" },
      flags: MS_RELATIME,
      followsHost: true,
    },
    {
      ...{ mountPoint: "/t", namespace: 0, on: 0, at: "t", flags: 0x1 | 0x2 | MS_RELATIME, followsHost: false },
      source: {
        ...{ kind: "new", type: "tmpfs", source: "own", options: [{ name: "size", value: "4k" }, { name: "noswap" }] },
        lateOptions: [{ name: "ro" }],
        files: [],
      },
    },
    {
      ...{ mountPoint: "/part", namespace: 0, on: 0, at: "part", flags: 0x400, followsHost: false },
      source: { kind: "part", of: 1, path: "sub" },
    },
  ],
  sharing: [{ kind: "share", mount: 1 }, { kind: "join", mount: 2, peer: 1 }, { kind: "follow", mount: 2 }],
};

Deno.test("makeMounts() makes each mount apart, and puts it where it belongs", () => {
  const context = filesContext();
  const calls = makeMounts(context, PLAN).calls.map(renderCall);
  assert.deepEqual(calls, [
    'open_tree -100 "/srv" 1 = 0',
    'fsopen "tmpfs" 0 = 1',
    'fsconfig 1 1 "source" "own" 0',
    'fsconfig 1 1 "size" "4k" 0',
    'fsconfig 1 0 "noswap" 0 0',
    "fsconfig 1 6 0 0 0",
    "fsmount 1 0 0 = 2",
    'fsconfig 1 0 "ro" 0 0',
    "fsconfig 1 7 0 0 0",
    "close 1",
    `mount_setattr 0 "" 4096 ${NOTHING}${ALL}0000080000000000${NOTHING} 32`,
    'openat -100 "." 2162688 = 1',
    'move_mount 0 "" -100 "/" 4',
    "fchdir 0",
    'pivot_root "." "."',
    'umount2 "." 2',
    "fchdir 1",
    "close 1",
    `mount_setattr 2 "" 4096 0300000000000000${ALL}${PRIVATE}${NOTHING} 32`,
    'move_mount 2 "" 0 "t" 4',
    'open_tree 2 "sub" 1 = 1',
    `mount_setattr 1 "" 4096 1000000000000000${ALL}${PRIVATE}${NOTHING} 32`,
    'move_mount 1 "" 0 "part" 4',
    `mount_setattr 2 "" 4096 ${NOTHING}${NOTHING}0000100000000000${NOTHING} 32`,
    'move_mount 2 "" 1 "" 324',
    `mount_setattr 1 "" 4096 ${NOTHING}${NOTHING}0000080000000000${NOTHING} 32`,
    "close 0",
    "close 2",
    "close 1",
  ]);
  assert.equal(context.lowest.peek(), 0);
});

Deno.test("makeMounts() makes what was removed until it is mounted, once each", () => {
  const context = filesContext();
  const [root] = PLAN.steps;
  assert.ok(root);
  const place = { namespace: 0, on: 0, flags: 0, followsHost: false } as const;
  const above = { path: "x", hostPath: "/srv/x", isDirectory: true };
  const below = { path: "x/y", hostPath: "/srv/x/y", isDirectory: false };
  const one = { kind: "part", of: 0, path: "x/y", removed: [above, below] } as const;
  const other = { kind: "part", of: 0, path: "x", removed: [above] } as const;
  const steps = [
    root,
    { ...place, mountPoint: "/a", at: "a", source: one },
    { ...place, mountPoint: "/b", at: "b", source: other },
  ];
  const { calls } = makeMounts(context, { steps, sharing: [] });
  const rendered = calls.map(renderCall);
  assert.deepEqual(rendered.slice(0, 6), [
    'open_tree -100 "/srv" 1 = 0',
    // Before that may become read-only.
    'open_tree 0 "" 4097 = 1',
    `mkdirat 1 "x" ${0o755}`,
    `mknodat 1 "x/y" ${0o100644} 0`,
    'open_tree 0 "x/y" 1 = 2',
    'open_tree 0 "x" 1 = 3',
  ]);
  const put = rendered.indexOf('move_mount 3 "" 0 "b" 4');
  const closing = ["close 1", "close 0", "close 2", "close 3"];
  assert.deepEqual(rendered.slice(put + 1), ['unlinkat 1 "x/y" 0', 'unlinkat 1 "x" 512', ...closing]);
  const effects = calls.flatMap(({ effect }) => effect === undefined ? [] : [`${effect.kind} ${effect.path}`]);
  assert.deepEqual(effects, [
    ...["makes-directory /srv/x", "makes-file /srv/x/y"],
    ...["removes /srv/x/y", "removes /srv/x"],
  ]);
  assert.equal(context.lowest.peek(), 0);
});

Deno.test("makePtyMounts() makes what shows pseudoterminals, which makeMounts() leaves out", () => {
  const [root] = PLAN.steps;
  assert.ok(root);
  const place = { namespace: 0, flags: 0x8, followsHost: false, on: 0 };
  const pts = { kind: "new", type: "devpts", source: "", options: [], lateOptions: [], files: [] } as const;
  const plan: MountsPlan = {
    steps: [
      root,
      { ...place, mountPoint: "/dev/pts", at: "dev/pts", source: pts },
      { ...place, mountPoint: "/dev/console", at: "dev/console", source: { kind: "part", of: 1, path: "7", pty: 7 } },
    ],
    sharing: [],
  };
  const calls = makeMounts(filesContext(), plan).calls.map(renderCall);
  assert.deepEqual(calls.filter((call) => /console|open_tree|^close/.test(call)), [
    'open_tree -100 "/srv" 1 = 0',
    "close 1",
    "close 1",
    "close 0",
    "close 2",
  ]);
  const context = filesContext();
  assert.deepEqual(makePtyMounts(context, plan).map(renderCall), [
    'open_tree -100 "/dev/pts/7" 1 = 0',
    `mount_setattr 0 "" 4096 2800000000000000${ALL}${PRIVATE}${NOTHING} 32`,
    'move_mount 0 "" -100 "/dev/console" 4',
    "close 0",
  ]);
  assert.equal(context.lowest.peek(), 0);
});

Deno.test("makeMounts() makes namespaces one after the other, keeps them, and sets what they share in each", () => {
  const context = filesContext();
  const root = { mountPoint: "/", namespace: 1, at: "", flags: 0, followsHost: false } as const;
  const plan: MountsPlan = {
    steps: [...PLAN.steps.slice(0, 1), { ...root, source: { kind: "part", of: 0, path: "" } }],
    sharing: [{ kind: "share", mount: 1 }, { kind: "set-unbindable", mount: 0 }],
    nested: {
      namespaces: [{ handle: 0, root: 1, witness: 1 }, { handle: 2, root: 3, witness: 2 }],
      homes: new Map([[2, 1]]),
      entries: new Map([[2, 1]]),
    },
  };
  const { calls, kept } = makeMounts(context, plan);
  const rendered = calls.map(renderCall);
  assert.deepEqual(kept, [{ namespace: 2, root: 3 }, { namespace: 4, root: 5 }]);
  const own = `${NOTHING}${NOTHING}`;
  const start = rendered.indexOf('open_tree 0 "" 4097 = 1') + 1;
  assert.deepEqual(rendered.slice(start, start + 4), [
    'openat -100 "/proc/self/ns/mnt" 0 = 2',
    'openat -100 "/" 2162688 = 3',
    `unshare ${0x20000}`,
    `mount_setattr 1 "" 4096 2000000000000000${ALL}${PRIVATE}${NOTHING} 32`,
  ]);
  const sharing = rendered.lastIndexOf('openat -100 "/" 2162688 = 5') + 1;
  assert.deepEqual(rendered.slice(sharing), [
    `mount_setattr 1 "" 4096 ${own}0000100000000000${NOTHING} 32`,
    'openat -100 "." 2162688 = 6',
    `setns 2 ${0x20000}`,
    "fchdir 6",
    "close 6",
    `mount_setattr 0 "" 4096 ${own}0000020000000000${NOTHING} 32`,
    "close 0",
    "close 1",
  ]);
});

Deno.test("makeMounts() makes overlays when the mounts of their directories are there", () => {
  const overlay = { kind: "overlay", source: "own", flags: 1 } as const;
  const own = { flags: 0, followsHost: false } as const;
  const plan: MountsPlan = {
    steps: [
      ...PLAN.steps.slice(0, 1),
      {
        ...{ ...own, mountPoint: "/m", namespace: 0, on: 0, at: "m" },
        source: { ...overlay, options: [{ name: "lowerdir", value: "/a" }, { name: "userxattr" }] },
      },
      { ...own, mountPoint: "/", namespace: 1, at: "", source: { kind: "part", of: 0, path: "" } },
      {
        ...{ ...own, mountPoint: "/", namespace: 2, at: "" },
        source: { ...overlay, options: [{ name: "lowerdir", value: "/m/a" }] },
      },
    ],
    sharing: [],
    nested: {
      namespaces: [0, 2, 4].map((handle) => ({ handle, root: handle + 1, witness: 1 + handle })),
      homes: new Map([[3, 1], [5, 2]]),
      entries: new Map([[3, 1], [5, 2]]),
    },
  };
  const rendered = makeMounts(filesContext(), plan).calls.map(renderCall);
  const order = rendered.filter((call) =>
    /^(pivot_root|mount |open_tree.*"\/\.\."|umount2 "\/\.\."|move_mount|unshare)/.test(call)
  );
  assert.deepEqual(order, [
    'move_mount 0 "" -100 "/" 4',
    'pivot_root "." "."',
    'mount "own" "/" "overlay" 1 "lowerdir=/a,userxattr"',
    'open_tree -100 "/.." 1 = 2',
    'umount2 "/.." 2',
    'move_mount 2 "" 0 "m" 4',
    'mount "own" "/" "overlay" 1 "lowerdir=/m/a"',
    'open_tree -100 "/.." 1 = 3',
    'umount2 "/.." 2',
    `unshare ${0x20000}`,
    'move_mount 1 "" -100 "/" 4',
    'pivot_root "." "."',
    `unshare ${0x20000}`,
    'move_mount 3 "" -100 "/" 4',
    'pivot_root "." "."',
  ]);
});

Deno.test("sealMounts() makes read-only what makeMounts() leaves writable", () => {
  const steps = PLAN.steps.map((step) => ({ ...step, becomesReadOnly: step.mountPoint === "/t" }));
  const plan: MountsPlan = { steps, sharing: [] };
  const made = makeMounts(filesContext(), plan).calls.map(renderCall);
  assert.ok(made.includes(`mount_setattr 2 "" 4096 0200000000000000${ALL}${PRIVATE}${NOTHING} 32`));
  assert.deepEqual(sealMounts(filesContext(), plan).map(renderCall), [
    `mount_setattr -100 "/t" 0 0300000000000000${ALL}${NOTHING}${NOTHING} 32`,
  ]);
});

Deno.test("makeMounts() writes the files of a new file system", () => {
  const file = { mode: 0o100640, uid: 1, gid: 2, changeTime: 3, size: 0, parts: [], device: 0 };
  const part = { position: 4096, bytes: new Uint8Array([0xff, 0xfe]) };
  const files = [
    { ...file, path: "", mode: 0o041777 },
    { ...file, path: "a", size: 9000, parts: [part] },
    { ...file, path: "b", sameAs: "a" },
    { ...file, path: "c", mode: 0o120777, target: "a" },
  ];
  const source = { kind: "new", type: "tmpfs", source: "", options: [], lateOptions: [], files } as const;
  const [root] = PLAN.steps;
  assert.ok(root);
  const step = { mountPoint: "/t", namespace: 0, on: 0, at: "t", flags: 0, followsHost: false, source };
  const calls = makeMounts(filesContext(), { steps: [root, step], sharing: [] }).calls.map(renderCall);
  const start = calls.indexOf("fsmount 1 0 0 = 2") + 1;
  const times = `${"0300000000000000"}${NOTHING}`.repeat(2);
  assert.deepEqual(calls.slice(start, calls.indexOf("close 1", start)), [
    'fchownat 2 "" 1 2 4352',
    `fchmodat 2 "." ${0o1777}`,
    `openat 2 "a" ${0o400301} ${0o600} = 3`,
    "lseek 3 4096 0",
    "write 3 fffe 2 = 2",
    "ftruncate 3 9000",
    "close 3",
    'fchownat 2 "a" 1 2 256',
    `fchmodat 2 "a" ${0o640}`,
    `utimensat 2 "a" ${times} 256`,
    'linkat 2 "a" 2 "b" 0',
    'symlinkat "a" 2 "c"',
    'fchownat 2 "c" 1 2 256',
    `utimensat 2 "c" ${times} 256`,
    `utimensat 2 "." ${times} 256`,
  ]);
});

Deno.test("makeNamespaces() leaves the mounts of the host, but not its files", () => {
  assert.deepEqual(makeNamespaces(filesContext(), { kinds: ["mnt"] }).map(renderCall), [
    'openat -100 "/" 2162688 = 0',
    `unshare ${0x20000}`,
    `mount_setattr -100 "/" ${0x8000} ${NOTHING}${NOTHING}0000080000000000${NOTHING} 32`,
    "fchdir 0",
    "close 0",
  ]);
  assert.deepEqual(joinNamespaces(filesContext(), { kinds: ["mnt"] }, 9).map(renderCall), [
    'openat -100 "/" 2162688 = 0',
    `setns 9 ${0x20000}`,
    "fchdir 0",
    "close 0",
  ]);
});

Deno.test("makeMounts() makes a file system in another net namespace, and is back in that of the root task", () => {
  const source = { kind: "new", type: "sysfs", source: "sysfs", options: [], lateOptions: [], files: [] } as const;
  const [root, tmpfs] = PLAN.steps;
  if (root === undefined || tmpfs === undefined) throw new Error("the plan has mounts");
  const steps = [root, { ...tmpfs, source: { ...source, network: 2 } }];
  const context = { ...filesContext(), netNamespaces: [200, 201, 202] };
  const calls = makeMounts(context, { steps, sharing: [] }).calls.map(renderCall);
  assert.deepEqual(calls.slice(1, 11), [
    "pidfd_getfd 100 202 0 = 1",
    `setns 1 ${0x4000_0000}`,
    "close 1",
    'fsopen "sysfs" 0 = 1',
    "pidfd_getfd 100 200 0 = 2",
    `setns 2 ${0x4000_0000}`,
    "close 2",
    'fsconfig 1 1 "source" "sysfs" 0',
    "fsconfig 1 6 0 0 0",
    "fsmount 1 0 0 = 2",
  ]);
});
