import { deepEqual as assertEquals } from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../tests/support/mounts.ts";
import { addWatchedCgroups } from "./add_watched_cgroups.ts";
import type { Checkpoint, DumpedCgroup, SetMember, Task } from "./checkpoint.ts";
import type { Contents } from "./contents.ts";
import type { InotifyFile } from "./files/notify_files.ts";

const MOUNTS = [
  ROOT_MOUNT,
  aMount({ id: 2, mountPoint: "/cg", type: "cgroup2" }),
  aMount({ id: 3, mountPoint: "/v1", type: "cgroup", options: "xattr,cpuacct,cpu", root: "/part" }),
  aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
  aMount({ id: 11, mountPoint: "/other", namespace: 1, parent: 10, type: "cgroup2" }),
];

function watching(watches: readonly (readonly [path: string, mount: number])[]): InotifyFile {
  return {
    ...{ kind: "inotify", id: 1, flags: 0 },
    watches: watches.map(([path, mount], index) => ({
      ...{ number: index + 1, mask: 2 },
      target: { kind: "path", path, mount },
    })),
  };
}

type Watches = readonly (readonly [path: string, mount: number])[];

interface Setting {
  /** Of the tasks, who are in `/a/b`. */
  readonly namespaceRoot?: string | null;
  readonly dumped?: readonly DumpedCgroup[];
}

/** A checkpoint of tasks that watch files. */
function checkpointOf(
  watches: Watches,
  { namespaceRoot = "/a", dumped = [{ path: "/a/b", properties: [] }] }: Setting = {},
): Checkpoint {
  const root = namespaceRoot === null ? {} : { namespaceRoot };
  const members: SetMember[] = ["", "cpu,cpuacct"].map((hierarchy) => ({ hierarchy, path: "/a/b", ...root }));
  return {
    tasks: [{ pid: 1, set: 7 } as Task],
    sets: new Map([[7, { id: 7, members }]]),
    controllers: [{ hierarchy: "", directories: dumped }],
    contents: {
      namespaces: { mounts: MOUNTS },
      files: new Map([[1, watching(watches)]]),
    } as Partial<Contents> as Contents,
  } as Partial<Checkpoint> as Checkpoint;
}

/** The paths of its cgroups, by hierarchy; in parentheses those that were dumped. */
function cgroupsOf(watches: Watches, setting?: Setting): Record<string, string[]> {
  const { controllers } = addWatchedCgroups(checkpointOf(watches, setting));
  return Object.fromEntries(controllers.map(({ hierarchy, directories }) => [
    hierarchy,
    directories.map(({ path, isWatched }) => isWatched === true ? path : `(${path})`),
  ]));
}

Deno.test("addWatchedCgroups() gives them to whom the others belong to", () => {
  const permissions = { mode: 0o755, uid: 100_000, gid: 100_000 };
  const procs = { name: "cgroup.procs", value: "", permissions: { ...permissions, mode: 0o644 } };
  const limit = { name: "pids.max", value: "7" };
  const dumped = [
    { path: "/", properties: [], permissions: { mode: 0o700, uid: 0, gid: 0 } },
    { path: "/a/b", properties: [procs, limit], permissions },
  ];
  const { controllers } = addWatchedCgroups(checkpointOf([["/cg/c/cgroup.events", 2]], { dumped }));
  const added = controllers[0]?.directories.find(({ path }) => path === "/a/c");
  assertEquals(added, { path: "/a/c", permissions, properties: [procs], isWatched: true });
});

Deno.test("addWatchedCgroups() adds cgroups in which something is watched", async (t) => {
  const rows: readonly (readonly [string, Watches, Record<string, string[]>])[] = [
    ["a file", [["/cg/user.slice/cgroup.events", 2]], { "": ["(/a/b)", "/a/user.slice"] }],
    ["the cgroup itself", [["/cg/user.slice", 2]], { "": ["(/a/b)", "/a/user.slice"] }],
    ["where the namespace begins", [["/cg/cgroup.events", 2]], { "": ["/a", "(/a/b)"] }],
    ["one that was dumped", [["/cg/b/cgroup.events", 2]], { "": ["(/a/b)"] }],
    ["twice", [["/cg/c/cgroup.events", 2], ["/cg/c/memory.events", 2]], { "": ["(/a/b)", "/a/c"] }],
    ["in another hierarchy", [["/v1/c/tasks", 3]], { "": ["(/a/b)"], "cpu,cpuacct": ["/a/part/c"] }],
    ["in another mount namespace", [["/other/c/cgroup.events", 11]], { "": ["(/a/b)", "/a/c"] }],
    ["nothing of cgroups", [["/etc/hosts", 1], ["/other/c", 1]], { "": ["(/a/b)"] }],
    ["a way back", [["/cg/../c/cgroup.events", 2]], { "": ["(/a/b)"] }],
  ];
  for (const [name, watches, want] of rows) await t.step(name, () => assertEquals(cgroupsOf(watches), want));
  await t.step("but none where tasks have no cgroup namespace", () => {
    assertEquals(cgroupsOf([["/cg/c/cgroup.events", 2]], { namespaceRoot: null }), { "": ["(/a/b)"] });
  });
});
