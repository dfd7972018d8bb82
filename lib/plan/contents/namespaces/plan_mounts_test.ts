import assert from "node:assert/strict";
import { aMount, ROOT_MOUNT } from "../../../../tests/support/mounts.ts";
import { DIRECTORY, REGULAR } from "../../../../tests/support/plan_files.ts";
import { buildHierarchy, buildHost } from "../../../../tests/support/plan_inputs.ts";
import type { Mount } from "../../../model/mounts.ts";
import { MountPlaces } from "./mount_places.ts";
import type { MountsPlan, MountStep, RemovedName, SharingStep } from "./mounts_plan.ts";
import { overlayData } from "./overlay_layers.ts";
import { hostPathsOf, notesOnMounts, planMounts } from "./plan_mounts.ts";

interface Setting {
  /** Besides the root. */
  readonly mounts: readonly Mount[];
  readonly kernel?: readonly [number, number];
  /** Paths that the host lacks. */
  readonly lacks?: readonly string[];
  /** Paths at which the host has files that are no directories. */
  readonly regular?: readonly string[];
  readonly namespaceRoot?: ReadonlyMap<string, string>;
  readonly fileSystems?: Readonly<Record<string, string>>;
}

const DIRECTORY_U = {
  ...{ path: "u", mode: 0o040755, uid: 0, gid: 0, changeTime: 0, size: 0 },
  ...{ parts: [], device: 0 },
};

function plan({ mounts, kernel = [6, 1], lacks = [], regular = [], namespaceRoot, fileSystems = {} }: Setting) {
  const options = { external: [{ key: "data", path: "/srv/data" }], takesDetected: false };
  const places = new MountPlaces([ROOT_MOUNT, ...mounts], options);
  const problems: { where: string; what: string }[] = [];
  const there = [...hostPathsOf(places)].filter(([, path]) => !lacks.includes(path));
  const host = buildHost({
    files: new Map(there.map(([name, path]) => [name, regular.includes(path) ? REGULAR : DIRECTORY])),
    fileSystems: new Map(Object.entries(fileSystems)),
    hierarchies: [buildHierarchy("cpu,cpuacct"), buildHierarchy("")],
    kernel,
  });
  const losses: { where: string; what: string }[] = [];
  const planned = planMounts({ places, host, namespaceRoot, problems, losses });
  const [refused, lost] = [problems, losses].map((list) => list.map(({ where, what }) => `${where}: ${what}`));
  return { planned, problems: refused ?? [], losses: lost ?? [] };
}

function stepsOf({ steps }: MountsPlan): string[] {
  return steps.map((step) => `${describePoint(step, steps)}: ${describeSource(step, steps)}`);
}

function describePoint({ on, at, mountPoint }: MountStep, steps: readonly MountStep[]): string {
  return on === undefined ? mountPoint : `${at || "."} on ${steps[on]?.mountPoint}`;
}

function describeSource({ source }: MountStep, steps: readonly MountStep[]): string {
  if (source.kind === "here") return source.path;
  if (source.kind === "part") {
    const pty = source.pty === undefined ? "" : `, pseudoterminal ${source.pty}`;
    return `${source.path || "all"} of ${steps[source.of]?.mountPoint}${pty}${describeRemoved(source.removed)}`;
  }
  if (source.kind === "overlay") return `overlay ${overlayData(source.options)}`;
  const options = [
    ...source.options,
    ...source.lateOptions.map(({ name }) => ({ name: `late ${name}`, value: undefined })),
  ];
  return [source.type, ...options.map(({ name, value }) => value === undefined ? name : `${name}=${value}`)].join(" ");
}

function describeRemoved(removed: readonly RemovedName[] | undefined): string {
  if (removed === undefined) return "";
  return `, removed${
    removed.map(({ path, hostPath, isDirectory }) => (
      ` ${hostPath ?? path}${isDirectory ? "" : " (a file)"}`
    )).join("")
  }`;
}

/** An overlay, of what this host has unless something else is said. */
function anOverlay(part: Partial<Mount> & Pick<Mount, "id" | "mountPoint">): Mount {
  return aMount({ type: "overlay", options: "lowerdir=/low,upperdir=/up,workdir=/work", ...part });
}

function inTmpfs(...paths: readonly string[]): NonNullable<Mount["tree"]> {
  return ["", ...paths].map((path) => ({ ...DIRECTORY_U, path }));
}

/** A mount of what was removed, on a directory unless something else is said. */
function ofRemoved(part: Partial<Mount> = {}): Mount {
  return aMount({ ...{ id: 3, mountPoint: "/a", type: "", device: 1, root: "/x/y", isDeleted: true }, ...part });
}

Deno.test("planMounts() plans what is mounted, and in which order", async (t) => {
  const rows: readonly (Setting & { readonly name: string; readonly want: readonly string[] })[] = [
    {
      name: "new file systems with their options",
      mounts: [
        aMount({ id: 2, mountPoint: "/proc", type: "proc", options: "hidepid=2", superFlags: 1 }),
        aMount({ id: 3, mountPoint: "/t", options: "size=4k,mode=700,noswap", superFlags: 0x11 }),
      ],
      want: ["/: /", "proc on /: proc hidepid=2 ro", "t on /: tmpfs size=4k mode=700 noswap sync late ro"],
    },
    {
      name: "parts of the root, of an external mount, and of a tmpfs that comes later",
      mounts: [
        aMount({ id: 2, mountPoint: "/lib", device: 1, type: "", root: "/usr/lib" }),
        aMount({ id: 3, mountPoint: "/part", device: 104, root: "/sub" }),
        aMount({ id: 4, mountPoint: "/whole" }),
        aMount({ id: 5, mountPoint: "/data", type: "", external: "data" }),
        aMount({ id: 6, mountPoint: "/again", type: "", device: 105 }),
      ],
      want: [
        "/: /",
        "lib on /: usr/lib of /",
        "whole on /: tmpfs",
        "part on /: sub of /whole",
        "data on /: /srv/data",
        "again on /: all of /data",
      ],
    },
    {
      name: "one namespace after the other, with parts of those before",
      mounts: [
        aMount({ id: 2, mountPoint: "/t" }),
        aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
        aMount({ id: 12, mountPoint: "/sub", namespace: 1, parent: 10, device: 113, root: "/sub" }),
        aMount({ id: 11, mountPoint: "/t", namespace: 1, parent: 10, device: 102 }),
        aMount({ id: 13, mountPoint: "/u", namespace: 1, parent: 10 }),
        aMount({ id: 20, mountPoint: "/", namespace: 2, tree: [DIRECTORY_U] }),
        aMount({ id: 21, mountPoint: "/u", namespace: 2, parent: 20, device: 113 }),
      ],
      want: [
        "/: /",
        "t on /: tmpfs",
        "/: all of /",
        "t on /: all of /t",
        "u on /: tmpfs",
        "sub on /: sub of /u",
        "/: tmpfs",
        "u on /: all of /u",
      ],
    },
    {
      name: "what a kernel has only one of: where this host has it, else a new one without options",
      mounts: [
        aMount({ id: 2, mountPoint: "/debug", type: "debugfs", options: "mode=755" }),
        aMount({ id: 3, mountPoint: "/tracing", type: "debugfs", device: 200, root: "/tracing" }),
        aMount({ id: 4, mountPoint: "/pstore", type: "pstore", options: "kmsg_bytes=99", superFlags: 1 }),
      ],
      fileSystems: { debugfs: "/sys/kernel/debug" },
      want: [
        "/: /",
        "debug on /: /sys/kernel/debug",
        "tracing on /: /sys/kernel/debug/tracing",
        "pstore on /: pstore",
      ],
    },
    {
      name: "overlays, behind the mounts that their directories are on, also when these come later",
      mounts: [
        anOverlay({ id: 2, mountPoint: "/m", options: "lowerdir=/t/low:/m,upperdir=/o/up,workdir=/o/up,volatile" }),
        anOverlay({ id: 3, mountPoint: "/o", options: "lowerdir=/o" }),
        aMount({ id: 4, mountPoint: "/t", tree: inTmpfs("low") }),
        anOverlay({ id: 5, mountPoint: "/t/low", parent: 4, options: "lowerdir=/t/low", device: 103, root: "/part" }),
      ],
      want: [
        "/: /",
        "o on /: overlay lowerdir=/o",
        "t on /: tmpfs",
        "low on /t: part of /o",
        "m on /: overlay lowerdir=/t/low:/m,upperdir=/o/up,workdir=/o/up,volatile",
      ],
    },
    {
      name: "an overlay that is the root of a namespace",
      mounts: [
        aMount({ id: 2, mountPoint: "/t", tree: inTmpfs("low") }),
        anOverlay({ id: 10, mountPoint: "/", namespace: 1, options: "lowerdir=/t/low" }),
      ],
      want: ["/: /", "t on /: tmpfs", "/: overlay lowerdir=/t/low"],
    },
    {
      name: "a pseudoterminal, which is there later",
      mounts: [
        aMount({ id: 2, mountPoint: "/dev/pts", type: "devpts" }),
        aMount({ id: 3, mountPoint: "/dev/console", device: 102, type: "devpts", root: "/7" }),
      ],
      want: ["/: /", "dev/pts on /: devpts", "dev/console on /: 7 of /dev/pts, pseudoterminal 7"],
    },
    {
      name: "directories that were removed, of this host and of a tmpfs, once each",
      mounts: [
        ofRemoved(),
        aMount({ id: 4, mountPoint: "/t", tree: [DIRECTORY_U] }),
        ofRemoved({ id: 5, mountPoint: "/b", type: "tmpfs", device: 104, root: "/u/v/w" }),
        ofRemoved({ id: 6, mountPoint: "/c" }),
        ofRemoved({ id: 7, mountPoint: "/d", root: "/z/y" }),
      ],
      lacks: ["/x/y", "/z", "/z/y"],
      want: [
        "/: /",
        "a on /: x/y of /, removed /x/y",
        "t on /: tmpfs",
        "b on /: u/v/w of /t, removed u/v u/v/w",
        "c on /: all of /a",
        "d on /: z/y of /, removed /z /z/y",
      ],
    },
    {
      name: "what was removed is not what has its name now",
      mounts: [
        aMount({ id: 2, mountPoint: "/t" }),
        ofRemoved({ type: "tmpfs", device: 102, root: "/u" }),
        aMount({ id: 4, mountPoint: "/b", device: 102, root: "/u" }),
      ],
      want: ["/: /", "t on /: tmpfs", "a on /: u of /t, removed u", "b on /: u of /t"],
    },
    {
      name: "what was removed, and is provided from outside",
      mounts: [ofRemoved({ external: "data" })],
      want: ["/: /", "a on /: /srv/data"],
    },
    {
      name: "what covers others comes behind them",
      mounts: [
        aMount({ id: 2, mountPoint: "/a" }),
        aMount({ id: 3, mountPoint: "/a/b" }),
        aMount({ id: 4, mountPoint: "/a", parent: 2 }),
      ],
      want: ["/: /", "a/b on /: tmpfs", "a on /: tmpfs", ". on /a: tmpfs"],
    },
    {
      name: "hierarchies of cgroups, by what they are here",
      mounts: [
        aMount({ id: 2, mountPoint: "/one", type: "cgroup", options: "cpuacct,xattr,cpu", root: "/x" }),
        aMount({ id: 3, mountPoint: "/two", type: "cgroup2", options: "nsdelegate" }),
      ],
      want: ["/: /", "one on /: /sys/fs/cgroup/cpu,cpuacct/x", "two on /: /sys/fs/cgroup/"],
    },
    {
      name: "cgroups as a cgroup namespace shows them",
      mounts: [
        aMount({ id: 2, mountPoint: "/one", type: "cgroup", options: "cpu,cpuacct", root: "/x" }),
        aMount({ id: 3, mountPoint: "/two", type: "cgroup2" }),
      ],
      namespaceRoot: new Map([["cpu,cpuacct", "/a/b"]]),
      want: ["/: /", "one on /: /sys/fs/cgroup/cpu,cpuacct/a/b/x", "two on /: /sys/fs/cgroup/"],
    },
  ];
  for (const { name, want, ...setting } of rows) {
    await t.step(name, () => {
      const { planned, problems } = plan(setting);
      assert.deepEqual(problems, []);
      assert.deepEqual(stepsOf(planned), want);
    });
  }
});

Deno.test("planMounts() tells which files that were removed become empty ones", () => {
  const file = { ...DIRECTORY_U, path: "point", mode: 0o100644 };
  const { planned, problems, losses } = plan({
    mounts: [
      ofRemoved(),
      ofRemoved({ id: 4, mountPoint: "/b" }),
      ofRemoved({ id: 5, mountPoint: "/c", root: "/x/z" }),
      aMount({ id: 6, mountPoint: "/t", tree: [DIRECTORY_U, file] }),
      ofRemoved({ id: 7, mountPoint: "/t/point", parent: 6, type: "tmpfs", device: 106, root: "/u/v" }),
      aMount({ id: 8, mountPoint: "/p", type: "proc" }),
      aMount({ id: 9, mountPoint: "/p/sys", parent: 8, type: "proc", device: 108, root: "/sys" }),
      ofRemoved({ id: 10, mountPoint: "/p/sys/name", parent: 9, type: "tmpfs", device: 106, root: "/w" }),
    ],
    lacks: ["/x", "/x/y", "/x/z"],
    regular: ["/a", "/b", "/proc/sys/name"],
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(stepsOf(planned), [
    "/: /",
    "a on /: x/y of /, removed /x /x/y (a file)",
    "b on /: all of /a",
    "c on /: x/z of /, removed /x /x/z",
    "t on /: tmpfs",
    "point on /t: u/v of /t, removed u/v (a file)",
    "p on /: proc",
    "sys on /p: sys of /p",
    "name on /p/sys: w of /t, removed w (a file)",
  ]);
  assert.deepEqual(losses, [
    'mount "/a": the file that it shows was removed, and becomes an empty one: no image has what was in it',
    'mount "/b": the file that it shows was removed, and becomes an empty one: no image has what was in it',
    'mount "/t/point" of type tmpfs: the file that it shows was removed, and becomes an empty one: no image has what ' +
    "was in it",
    'mount "/p/sys/name" of type tmpfs: the file that it shows was removed, and becomes an empty one: no image has ' +
    "what was in it",
  ]);
});

Deno.test("planMounts() tells what an overlay may lose, of which images have no extended attributes", async (t) => {
  const rows: readonly (readonly [name: string, more: string, upper: readonly number[], lost: RegExp | undefined])[] = [
    ["nothing", "", [0o100644, 0o020000], undefined],
    ["directories", "", [0o040755], /^mount "\/m" of type overlay: its upper directory .* what directories hide$/],
    ["files with contents elsewhere", ",metacopy=on", [0o100644], /where the contents of files are$/],
  ];
  for (const [name, more, modes, lost] of rows) {
    await t.step(name, () => {
      const inside = modes.map((mode) => ({ ...DIRECTORY_U, path: "up/x", mode }));
      const tree = [...inTmpfs("up", "work", "other"), ...inside];
      const options = `lowerdir=/low,upperdir=/t/up,workdir=/t/work${more}`;
      const mounts = [aMount({ id: 2, mountPoint: "/t", tree }), anOverlay({ id: 3, mountPoint: "/m", options })];
      const { problems, losses } = plan({ mounts });
      assert.deepEqual(problems, []);
      assert.equal(losses.length, lost === undefined ? 0 : 1);
      if (lost !== undefined) assert.match(losses[0] ?? "", lost);
    });
  }
});

Deno.test("planMounts() leaves away what overlays keep in their work directories", () => {
  const tree = inTmpfs("up", "work", "work/work", "work/work/incompat/volatile", "work/working");
  const options = "lowerdir=/low,upperdir=/part/up,workdir=/part/work,volatile";
  const { planned, problems } = plan({
    mounts: [
      aMount({ id: 2, mountPoint: "/t", tree }),
      aMount({ id: 3, mountPoint: "/part", device: 102, tree }),
      anOverlay({ id: 4, mountPoint: "/m", options }),
    ],
  });
  assert.deepEqual(problems, []);
  const files = planned.steps.flatMap(({ source }) => source.kind === "new" ? source.files : []);
  assert.deepEqual(
    files.map(({ path }) => path),
    ["", "up", "work", "work/working"],
  );
});

Deno.test("planMounts() plans who shares with whom", async (t) => {
  const mount = (id: number, part: Partial<Mount>) => aMount({ id, mountPoint: `/${id}`, device: 102, ...part });
  const rows: readonly { name: string; mounts: readonly Mount[]; want: readonly SharingStep[] }[] = [
    { name: "nobody", mounts: [mount(2, {})], want: [] },
    {
      name: "peers, of which the one that shows most is the first",
      mounts: [mount(2, { peers: 5 }), mount(3, { peers: 5, root: "/a" }), mount(4, { peers: 5 })],
      want: [
        { kind: "share", mount: 1 },
        { kind: "join", mount: 2, peer: 1 },
        { kind: "join", mount: 3, peer: 1 },
      ],
    },
    {
      name: "who receives, and has peers, behind whom it receives from",
      mounts: [mount(2, { peers: 6, master: 5 }), mount(3, { peers: 5 }), mount(4, { master: 6 })],
      want: [
        { kind: "share", mount: 2 },
        { kind: "join", mount: 1, peer: 2 },
        { kind: "follow", mount: 1 },
        { kind: "share", mount: 1 },
        { kind: "join", mount: 3, peer: 1 },
        { kind: "follow", mount: 3 },
      ],
    },
    {
      name: "what cannot be bound",
      mounts: [mount(2, { isUnbindable: true })],
      want: [{ kind: "set-unbindable", mount: 1 }],
    },
    {
      name: "who receives from this host, as its original does",
      mounts: [mount(2, { external: "data", master: 77 })],
      want: [],
    },
    {
      name: "who receives from this host, as what it is a part of does, in another namespace",
      mounts: [
        mount(2, { external: "data", master: 77 }),
        aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
        mount(11, { namespace: 1, parent: 10, master: 77 }),
      ],
      want: [],
    },
    {
      name: "who receives from, or is a peer of, one in another namespace",
      mounts: [
        mount(2, { peers: 5 }),
        aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
        mount(11, { namespace: 1, parent: 10, peers: 5 }),
        mount(12, { namespace: 1, parent: 10, master: 5, root: "/a" }),
      ],
      want: [
        { kind: "share", mount: 1 },
        { kind: "join", mount: 3, peer: 1 },
        { kind: "join", mount: 4, peer: 1 },
        { kind: "follow", mount: 4 },
      ],
    },
  ];
  for (const { name, mounts, want } of rows) {
    await t.step(name, () => {
      const { planned, problems } = plan({ mounts });
      assert.deepEqual(problems, []);
      assert.deepEqual(planned.sharing, want);
    });
  }
});

Deno.test("planMounts() refuses what cannot be made again", async (t) => {
  const shared = { peers: 5, device: 102 };
  const rows: readonly (Setting & { readonly name: string; readonly want: string })[] = [
    {
      name: "an old kernel",
      mounts: [],
      kernel: [5, 11],
      want: "mnt namespace: Linux 5.12 or newer is needed for mounts of the tasks' own",
    },
    {
      name: "a kernel that cannot let mounts share",
      mounts: [aMount({ id: 2, mountPoint: "/a", ...shared }), aMount({ id: 3, mountPoint: "/b", ...shared })],
      kernel: [5, 14],
      want: 'mount "/b" of type tmpfs: Linux 5.15 or newer is needed for mounts that share with each other',
    },
    {
      name: "a part of what is only whole in a further namespace",
      mounts: [
        aMount({ id: 2, mountPoint: "/a", device: 111, root: "/sub" }),
        aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
        aMount({ id: 11, mountPoint: "/b", namespace: 1, parent: 10 }),
      ],
      want: 'mount "/a" of type tmpfs: it is made of what is mounted in another mnt namespace only',
    },
    {
      name: "a part of a namespace that receives from somebody outside, and its original does not",
      mounts: [
        aMount({ id: 2, mountPoint: "/a" }),
        aMount({ id: 10, mountPoint: "/", namespace: 1, device: 1, type: "" }),
        aMount({ id: 11, mountPoint: "/b", namespace: 1, parent: 10, device: 102, master: 77 }),
      ],
      want: 'mount "/b" in mnt namespace 2 of type tmpfs: it receives mounts from one outside of the checkpoint ' +
        "(it is a slave)",
    },
    {
      name: "a type that is not made",
      mounts: [aMount({ id: 2, mountPoint: "/a", type: "fuse" })],
      want: 'mount "/a" of type fuse: file systems of this type are not made again: it had to be dumped as an ' +
        "external one",
    },
    {
      name: "an overlay of what is not here",
      mounts: [anOverlay({ id: 2, mountPoint: "/a" })],
      lacks: ["/up", "/work/work/incompat/volatile"],
      want: 'mount "/a" of type overlay: its upper directory "/up" is not here',
    },
    {
      name: "an overlay of a file",
      mounts: [anOverlay({ id: 2, mountPoint: "/a" })],
      regular: ["/low"],
      want: 'mount "/a" of type overlay: its lower directory "/low" is no directory here',
    },
    {
      name: "an overlay of what its tmpfs does not have",
      mounts: [aMount({ id: 2, mountPoint: "/up" }), anOverlay({ id: 3, mountPoint: "/a", options: "lowerdir=/up/x" })],
      want: 'mount "/a" of type overlay: its lower directory "/up/x" is not in its tmpfs',
    },
    {
      name: "an overlay of a relative path",
      mounts: [anOverlay({ id: 2, mountPoint: "/a", options: "lowerdir=/low:l/b" })],
      want: 'mount "/a" of type overlay: its lower directory "l/b" is a relative path, and images do not tell where ' +
        "that began",
    },
    {
      name: "an overlay that may not be whole",
      mounts: [anOverlay({ id: 2, mountPoint: "/a", options: "lowerdir=/low,upperdir=/up,workdir=/work,volatile" })],
      want:
        'mount "/a" of type overlay: "/work/work/incompat/volatile" is there, of its option volatile: remove it if ' +
        "nothing in the upper directory was lost",
    },
    {
      name: "an overlay of nothing",
      mounts: [anOverlay({ id: 2, mountPoint: "/a", options: "ro" })],
      want: 'mount "/a" of type overlay: its options do not name a lower directory',
    },
    {
      name: "an overlay with options that the kernel does not take",
      mounts: [anOverlay({ id: 2, mountPoint: "/a", options: `lowerdir=${"/.".repeat(2048)}` })],
      want: 'mount "/a" of type overlay: its options have 4105 bytes, and mount(2) takes no more than 4095',
    },
    {
      name: "overlays of each other",
      mounts: [
        anOverlay({ id: 2, mountPoint: "/a", options: "lowerdir=/b" }),
        anOverlay({ id: 3, mountPoint: "/b", options: "lowerdir=/a" }),
      ],
      want: 'mount "/a" of type overlay: it is on or below something that is made of it',
    },
    {
      name: "a part of what is nowhere",
      mounts: [aMount({ id: 2, mountPoint: "/a", root: "/sub" })],
      want: 'mount "/a" of type tmpfs: it shows only "/sub" of its file system, and no other mount shows all of it',
    },
    {
      name: "an external one that nobody names",
      mounts: [aMount({ id: 2, mountPoint: "/a", external: "other" })],
      want: 'mount "/a" of type tmpfs: it is provided from outside: --external mnt[other]:PATH says by what',
    },
    {
      name: "an external one that is not here",
      mounts: [aMount({ id: 2, mountPoint: "/a", external: "data" })],
      lacks: ["/srv/data"],
      want: 'mount "/a" of type tmpfs: "/srv/data" is not here',
    },
    {
      name: "one whose place is not here",
      mounts: [aMount({ id: 2, mountPoint: "/a" })],
      lacks: ["/a"],
      want: 'mount "/a" of type tmpfs: its place "/a" is not here: make it, or name another root with --root',
    },
    {
      name: "a file that is to be on a directory",
      mounts: [aMount({ id: 2, mountPoint: "/a", external: "data" })],
      regular: ["/srv/data"],
      want: 'mount "/a" of type tmpfs: "/a" is a directory here, and what it shows is not so',
    },
    {
      name: "a directory that is to be on a file",
      mounts: [aMount({ id: 2, mountPoint: "/a", external: "data" })],
      regular: ["/a"],
      want: 'mount "/a" of type tmpfs: "/a" is no directory here, and what it shows is not so',
    },
    { name: "a root that is a file", mounts: [], regular: ["/"], want: 'mount "/": its root is no directory here' },
    {
      name: "one whose place the tmpfs does not have",
      mounts: [aMount({ id: 2, mountPoint: "/a" }), aMount({ id: 3, mountPoint: "/a/b", parent: 2 })],
      want: 'mount "/a/b" of type tmpfs: the tmpfs "/a" has nothing there',
    },
    {
      name: "one of what was removed, whose name is taken",
      mounts: [ofRemoved()],
      want: 'mount "/a": what it shows was removed, and something else is "/x/y"',
    },
    {
      name: "one of what was removed, in the place of which is a file",
      mounts: [ofRemoved()],
      lacks: ["/x/y"],
      regular: ["/x"],
      want: 'mount "/a": what it shows was removed, and "/x" is no directory',
    },
    {
      name: "one of a file that was removed, and of a directory with its name",
      mounts: [ofRemoved(), ofRemoved({ id: 4, mountPoint: "/b" })],
      lacks: ["/x/y"],
      regular: ["/a"],
      want: 'mount "/a": what it shows was removed, and so was a directory of the same name',
    },
    {
      name: "one of a file that was removed, and of what was below a directory with its name",
      mounts: [ofRemoved(), ofRemoved({ id: 4, mountPoint: "/b", root: "/x/y/z" })],
      lacks: ["/x/y", "/x/y/z"],
      regular: ["/a", "/b"],
      want: 'mount "/a": what it shows was removed, and so was a directory of the same name',
    },
    {
      name: "one of what was removed, in the place of which is nothing",
      mounts: [ofRemoved()],
      lacks: ["/a", "/x/y"],
      want: 'mount "/a": what it shows was removed, and nothing tells whether it was a directory',
    },
    {
      name: "one of what was removed, where nothing can be made",
      mounts: [
        aMount({ id: 2, mountPoint: "/proc", type: "proc" }),
        ofRemoved({ type: "proc", device: 102, root: "/77/stat" }),
      ],
      want: 'mount "/a" of type proc: what it shows was removed, and nothing can be made in its file system',
    },
    {
      name: "one of what was removed, which nothing else shows",
      mounts: [ofRemoved({ device: 7 })],
      want: 'mount "/a": nothing is known of its file system, and no other mount shows it: ' +
        "it had to be dumped as an external one",
    },
    {
      name: "one of what was removed, with something on it",
      mounts: [ofRemoved(), aMount({ id: 4, mountPoint: "/a", parent: 3 })],
      lacks: ["/x/y"],
      want: 'mount "/a": what it shows was removed, and there is a mount on it',
    },
    {
      name: "one of what was removed from a tmpfs, which has its name",
      mounts: [
        aMount({ id: 2, mountPoint: "/t", tree: [DIRECTORY_U] }),
        ofRemoved({ type: "tmpfs", device: 102, root: "/u" }),
      ],
      want: 'mount "/a" of type tmpfs: what it shows was removed, and something else is "u"',
    },
    {
      name: "one of what was removed from a tmpfs that is read-only",
      mounts: [
        aMount({ id: 2, mountPoint: "/t", superFlags: 1 }),
        ofRemoved({ type: "tmpfs", device: 102, root: "/u" }),
      ],
      want: 'mount "/a" of type tmpfs: what it shows was removed, and its file system is read-only',
    },
    {
      name: "two at one place",
      mounts: [aMount({ id: 2, mountPoint: "/a" }), aMount({ id: 3, mountPoint: "/a" })],
      want: 'mount "/a" of type tmpfs: another mount is at the same place',
    },
    {
      name: "one elsewhere than what it is on",
      mounts: [aMount({ id: 2, mountPoint: "/a" }), aMount({ id: 3, mountPoint: "/b", parent: 2 })],
      want: 'mount "/b" of type tmpfs: it is not below the mount that it is on',
    },
    {
      name: "a hierarchy that is not here",
      mounts: [aMount({ id: 2, mountPoint: "/a", type: "cgroup", options: "cpu" })],
      want: 'mount "/a" of type cgroup: this host has no such hierarchy mounted',
    },
    {
      name: "peers that show something else",
      mounts: [aMount({ id: 2, mountPoint: "/a", peers: 5 }), aMount({ id: 3, mountPoint: "/b", peers: 5 })],
      want: 'mount "/b" of type tmpfs: it shares with "/a", which shows something else',
    },
    {
      name: "one that receives from nobody in sight",
      mounts: [aMount({ id: 2, mountPoint: "/a", master: 77 })],
      want: 'mount "/a" of type tmpfs: it receives mounts from one outside of the checkpoint (it is a slave)',
    },
    {
      name: "a pseudoterminal that shares",
      mounts: [
        aMount({ id: 2, mountPoint: "/pts", type: "devpts" }),
        aMount({ id: 3, mountPoint: "/a", device: 102, type: "devpts", root: "/7", peers: 5 }),
      ],
      want: 'mount "/a" of type devpts: it shows a pseudoterminal, and shares with others or is unbindable',
    },
    {
      name: "a pseudoterminal with something on it",
      mounts: [
        aMount({ id: 2, mountPoint: "/pts", type: "devpts" }),
        aMount({ id: 3, mountPoint: "/a", device: 102, type: "devpts", root: "/7" }),
        aMount({ id: 4, mountPoint: "/a", parent: 3, external: "data" }),
      ],
      want: 'mount "/a" of type devpts: it shows a pseudoterminal, and has a mount on it',
    },
    {
      name: "one that is in what is made of it",
      mounts: [
        aMount({ id: 2, mountPoint: "/a", device: 103, root: "/sub" }),
        aMount({ id: 3, mountPoint: "/a/b", parent: 2, device: 103 }),
      ],
      want: 'mount "/a" of type tmpfs: it is on or below something that is made of it',
    },
  ];
  for (const { name, want, ...setting } of rows) {
    await t.step(name, () => assert.ok(plan(setting).problems.includes(want), plan(setting).problems.join("\n")));
  }
});

Deno.test("notesOnMounts() tells of paths that nothing is used for, and of files that are lost", () => {
  const external = [{ key: "data", path: "/a" }, { key: "other", path: "/b" }];
  const mounts = [
    aMount({ id: 2, mountPoint: "/a", external: "data" }),
    aMount({ id: 3, mountPoint: "/huge", type: "hugetlbfs" }),
  ];
  assert.deepEqual(notesOnMounts(mounts, { external, takesDetected: false }), [
    'nothing in the checkpoint is the external mount "other": its path is not used',
    'the mount "/huge" of type hugetlbfs is empty: no image has the files that were in it',
  ]);
});
