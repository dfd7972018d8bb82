import assert from "node:assert/strict";
import type { ListedMount } from "../../host/parse_mounts.ts";
import type { MountsPlan, MountStep } from "../../plan/contents/namespaces/mounts_plan.ts";
import { compareMounts } from "./compare_mounts.ts";

const MS_RELATIME = 1 << 21;
const NO_DEFAULT = () => false;
const TMPFS = { kind: "new", type: "tmpfs", source: "none", options: [], lateOptions: [], files: [] } as const;

function step(mountPoint: string, part: Partial<MountStep> = {}): MountStep {
  return {
    ...{ mountPoint, namespace: 0, on: 0, at: mountPoint.slice(1), source: TMPFS, flags: MS_RELATIME },
    followsHost: false,
    ...part,
  };
}

function listed(id: number, mountPoint: string, part: Partial<ListedMount> = {}): ListedMount {
  const options = { options: ["rw", "relatime"], isUnbindable: false, superOptions: ["rw"] };
  return { id, parent: 10, root: "/", mountPoint, type: "tmpfs", source: "none", ...options, ...part };
}

const { on: _, ...ROOT } = step("/", { source: { kind: "here", path: "/" }, followsHost: true, master: 1 });
const PART = { flags: 0x1 | 0x2, master: 5 };
const REMOVED_PART = step("/part", { ...PART, source: { kind: "part", of: 1, path: "sub", removed: [] } });
const PLAN: MountsPlan = {
  steps: [
    ROOT,
    step("/t", { peers: 5 }),
    step("/part", { ...PART, source: { kind: "part", of: 1, path: "sub" } }),
    step("/t", { on: 1, at: "", source: { ...TMPFS, lateOptions: [{ name: "ro" }] } }),
  ],
  sharing: [{ kind: "set-unbindable", mount: 3 }],
};
const AS_PLANNED = [
  listed(10, "/", { parent: 9, type: "ext4", root: "/srv" }),
  listed(11, "/t", { peers: 70 }),
  listed(12, "/part", { root: "/sub", options: ["ro", "nosuid"], master: 70 }),
  listed(13, "/t", { parent: 11, superOptions: ["ro"], isUnbindable: true }),
];

function changed(index: number, part: Partial<ListedMount>): ListedMount[] {
  return AS_PLANNED.map((mount, at) => at === index ? { ...mount, ...part } : mount);
}

Deno.test("compareMounts() tells namespaces apart", () => {
  const root = { namespace: 1, source: { kind: "part", of: 0, path: "" } } as const;
  const { on: _, ...nestedRoot } = step("/", root);
  const part = { kind: "part", of: 1, path: "" } as const;
  const steps = [
    ...PLAN.steps.slice(0, 2),
    nestedRoot,
    step("/t", { namespace: 1, on: 2, source: part, master: 5 }),
    step("/u", { namespace: 1, on: 2 }),
  ];
  const first = AS_PLANNED.slice(0, 2);
  const second = [
    listed(20, "/", { parent: 9, type: "ext4", root: "/srv" }),
    listed(21, "/t", { parent: 20, master: 70 }),
    listed(22, "/u", { parent: 20 }),
  ];
  assert.deepEqual(compareMounts({ steps, sharing: [] }, [first, second], NO_DEFAULT), []);
  const [on, shared] = second;
  assert.ok(on !== undefined && shared !== undefined);
  const more = listed(23, "/v", { parent: 20 });
  assert.deepEqual(compareMounts({ steps, sharing: [] }, [first, [on, { ...shared, master: 71 }, more]], NO_DEFAULT), [
    'the mount "/u" in mnt namespace 2 is missing',
    'the mount "/t" in mnt namespace 2 shares with others than it should',
    'there is a mount "/v" in mnt namespace 2 that should not be',
  ]);
});

Deno.test("compareMounts() finds what differs", async (t) => {
  const rows: readonly { name: string; plan?: MountsPlan; found?: readonly ListedMount[]; want: readonly string[] }[] =
    [
      { name: "nothing", want: [] },
      {
        name: "a place",
        found: changed(1, { mountPoint: "/u" }),
        want: [
          'the mount "/t" is missing',
          'the mount "/t" is missing',
          ...['there is a mount "/u" that should not be', 'there is a mount "/t" that should not be'],
        ],
      },
      {
        name: "a type",
        found: changed(3, { type: "ramfs" }),
        want: ['the type of the mount "/t" is "ramfs", and should be "tmpfs"'],
      },
      {
        name: "a part",
        found: changed(2, { root: "/other" }),
        want: ['what is shown by the mount "/part" is "/other", and should be "/sub"'],
      },
      {
        name: "what was not removed",
        plan: { ...PLAN, steps: PLAN.steps.with(2, REMOVED_PART) },
        want: ['what is shown by the mount "/part" is "/sub", and should be "/sub//deleted"'],
      },
      {
        name: "options",
        found: changed(2, { options: ["rw"] }),
        want: ['the options of the mount "/part" is "rw", and should be "ro,nosuid"'],
      },
      {
        name: "a file system",
        found: changed(3, { superOptions: ["rw"] }),
        want: ['the file system of the mount "/t" is not read-only'],
      },
      {
        name: "another group",
        found: changed(2, { master: 71 }),
        want: ['the mount "/part" shares with others than it should'],
      },
      {
        name: "no group",
        found: AS_PLANNED.with(1, listed(11, "/t")),
        want: ['the sharing of the mount "/t" is "private", and should be "shared"'],
      },
      {
        name: "one that can be bound",
        found: changed(3, { isUnbindable: false }),
        want: ['the mount "/t" can be bound, and should not'],
      },
    ];
  for (const { name, plan = PLAN, found = AS_PLANNED, want } of rows) {
    await t.step(name, () => assert.deepEqual(compareMounts(plan, [found], NO_DEFAULT), want));
  }
});
