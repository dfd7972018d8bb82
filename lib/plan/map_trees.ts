import type { Checkpoint, DumpedCgroup, Property } from "../model/checkpoint.ts";
import type { HierarchyName } from "../model/hierarchy.ts";

/** How `mapTrees` translates. */
export interface TreeMapping {
  readonly targets: ReadonlyMap<HierarchyName, ReadonlyMap<string, HierarchyName>>;
  /** Whether a dumped cgroup belongs to the tasks. */
  readonly owns: (hierarchy: HierarchyName, path: string) => boolean;
  /** Where a path of the image is on this host. */
  readonly move: (hierarchy: HierarchyName, path: string) => string;
}

/**
 * The dumped cgroups that belong to the tasks, by the host's names and paths, parents first.
 *
 * A property goes to the hierarchy that has its controller, what every cgroup has (`tasks`, `cgroup.procs`) goes to
 * each hierarchy. Where several hierarchies of the image are one here, their directories are merged.
 */
export function mapTrees(
  checkpoint: Pick<Checkpoint, "controllers">,
  mapping: TreeMapping,
): Map<HierarchyName, DumpedCgroup[]> {
  const trees = new Map<HierarchyName, Map<string, DumpedCgroup>>();
  for (const { hierarchy, directories } of checkpoint.controllers) {
    const targets = mapping.targets.get(hierarchy) ?? new Map<string, HierarchyName>();
    const owned = directories.filter(({ path, isWatched = false }) => isWatched || mapping.owns(hierarchy, path));
    for (const target of new Set(targets.values())) {
      const tree = trees.get(target) ?? new Map<string, DumpedCgroup>();
      trees.set(target, tree);
      for (const directory of owned) {
        const path = mapping.move(hierarchy, directory.path);
        const properties = directory.properties.filter(({ name }) => goesTo(name, target, { hierarchy, targets }));
        tree.set(path, mergeDirectories(tree.get(path), { ...directory, path, properties }));
      }
    }
  }
  return new Map(
    [...trees].map(([name, tree]) => [name, [...tree.values()].sort((a, b) => comparePaths(a.path, b.path))]),
  );
}

function goesTo(
  property: string,
  target: HierarchyName,
  from: { hierarchy: HierarchyName; targets: ReadonlyMap<string, HierarchyName> },
): boolean {
  const [controller = ""] = property.split(".");
  return !from.hierarchy.split(",").includes(controller) || from.targets.get(controller) === target;
}

/** One cgroup of what two hierarchies have: where both say something, the first one counts. */
export function mergeDirectories(first: DumpedCgroup | undefined, second: DumpedCgroup): DumpedCgroup {
  if (first === undefined) return second;
  const known = new Set(first.properties.map(({ name }) => name));
  const added: Property[] = second.properties.filter(({ name }) => !known.has(name));
  return { ...second, ...first, properties: [...first.properties, ...added] };
}

/** Orders paths by their components, so that a cgroup is followed by all that is below it. */
export function comparePaths(a: string, b: string): number {
  const [keyA, keyB] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return keyA < keyB ? -1 : keyA === keyB ? 0 : 1;
}
