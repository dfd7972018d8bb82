import type { OwnCgroup, OwnCgroups } from "../support/own_cgroups.ts";
import type { PlaceFile, Places } from "./tree_script.ts";

/** Cgroups for the tasks of a tree. */
export interface Layout {
  readonly cgroups: readonly OwnCgroup[];
  /** Path by hierarchy for each place; the first, the root's, is in every hierarchy of the host. */
  readonly places: readonly ReadonlyMap<string, string>[];
  /** Whether CRIU dumps every cgroup: it takes those that tasks are in, and what is below them. */
  readonly isTopDumped: boolean;
  /** Whether the named hierarchies are unmounted between dump and restore, which then has to make them. */
  readonly losesNamed?: boolean;
}

/** Layouts by name; each is a function of the cgroups they are made in. */
export const LAYOUTS: Readonly<Record<string, (own: OwnCgroups) => Layout>> = {
  "named hierarchies": buildNamed,
  "named hierarchies that are gone": (own) => ({ ...buildNamed(own), losesNamed: true }),
  "real controllers": buildReal,
  "siblings below a cgroup without tasks": buildSiblings,
};

/** What the names of the named hierarchies end in. */
export const NAMED: readonly string[] = ["a", "b", "c"];

function buildNamed(own: OwnCgroups): Layout {
  const names = NAMED.map((suffix) => own.mountNamed(suffix));
  const top = `/${own.id}`;
  const [a, b, c] = names as [string, string, string];
  const everywhere = new Map(own.hierarchies.map(({ name }) => [name, top]));
  const cgroups: OwnCgroup[] = own.hierarchies.map(({ name: hierarchy }) => ({ hierarchy, path: top }));
  for (const hierarchy of names) {
    cgroups.push({ hierarchy, path: `${top}/one`, mode: 0o750, owner: [1000, 1001] });
    cgroups.push({ hierarchy, path: `${top}/two`, files: [["notify_on_release", "1"]] });
    cgroups.push({ hierarchy, path: `${top}/two/deep`, files: [["cgroup.clone_children", "1"]], mode: 0o700 });
    cgroups.push({ hierarchy, path: `${top}/empty` });
  }
  return {
    cgroups,
    isTopDumped: true,
    places: [
      everywhere,
      new Map([[a, `${top}/one`], [b, `${top}/two`]]),
      new Map([[a, `${top}/two/deep`]]),
      new Map([[c, "/"], [b, `${top}/one`], [a, top]]),
      new Map([[c, `${top}/two`]]),
    ],
  };
}

function buildReal(own: OwnCgroups): Layout {
  const top = `/${own.id}`;
  const everywhere = new Map(own.hierarchies.map(({ name }) => [name, top]));
  const cgroups: OwnCgroup[] = own.hierarchies.flatMap(({ name: hierarchy }) => [
    { hierarchy, path: top, files: limitsOf(hierarchy, "top") },
    { hierarchy, path: `${top}/one`, files: limitsOf(hierarchy, "one"), mode: 0o770, owner: [1000, 1000] as const },
    { hierarchy, path: `${top}/two`, files: limitsOf(hierarchy, "two") },
  ]);
  const inAll = (path: string) => new Map([...everywhere.keys()].map((name) => [name, path]));
  const some = [...everywhere.keys()].filter((name) => /cpu|pids|^$/.test(name));
  return {
    cgroups,
    isTopDumped: true,
    places: [everywhere, inAll(`${top}/one`), inAll(`${top}/two`), new Map(some.map((name) => [name, `${top}/one`]))],
  };
}

function buildSiblings(own: OwnCgroups): Layout {
  const { cgroups } = buildReal(own);
  const top = `/${own.id}`;
  const inAll = (path: string) => new Map(own.hierarchies.map(({ name }) => [name, path]));
  return { cgroups, places: [inAll(`${top}/one`), inAll(`${top}/two`)], isTopDumped: false };
}

type Files = readonly (readonly [file: string, value: string])[];

/** What the cgroup `which` sets in each hierarchy; nothing where the kernel's own values stay. */
function limitsOf(hierarchy: string, which: "top" | "one" | "two"): Files {
  return hierarchy.split(",").flatMap((controller) => LIMITS[controller]?.[which] ?? []);
}

const LIMITS: Readonly<Record<string, Partial<Record<"top" | "one" | "two", Files>>>> = {
  cpu: {
    top: [["cpu.shares", "512"]],
    one: [["cpu.cfs_period_us", "50000"], ["cpu.cfs_quota_us", "40000"]],
    two: [["cpu.shares", "2048"]],
  },
  cpuset: { one: [["cpuset.cpus", "0"]], two: [["cpuset.cpus", "1"], ["cpuset.memory_migrate", "1"]] },
  memory: {
    top: [["memory.limit_in_bytes", "536870912"], ["memory.swappiness", "30"]],
    one: [["memory.limit_in_bytes", "134217728"], ["memory.soft_limit_in_bytes", "67108864"]],
    two: [["memory.oom_control", "1"]],
  },
  pids: { top: [["pids.max", "400"]], one: [["pids.max", "200"]] },
  devices: {
    one: [["devices.deny", "a"], ["devices.allow", "c 1:3 rwm"], ["devices.allow", "c 1:5 r"]],
    two: [["devices.deny", "b *:* m"]],
  },
  freezer: {},
  "": { top: [["cgroup.max.descendants", "20"]], one: [["cgroup.max.depth", "3"]] },
};

/** The files to write to, for a script. */
export function placesOf(own: OwnCgroups, layout: Layout): Places {
  return layout.places.map((place) =>
    [...place].map(([hierarchy, path]): PlaceFile => {
      const directory = `${own.mountPoint(hierarchy)}${path}`;
      const procs = `${directory}/cgroup.procs`;
      return hierarchy === "" ? { procs } : { procs, tasks: `${directory}/tasks` };
    })
  );
}
