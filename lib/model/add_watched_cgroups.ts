import { cgroupPathProblem, isAtOrBelow, ROOT_PATH } from "./cgroup_path.ts";
import type { Checkpoint, ControllerTree } from "./checkpoint.ts";
import type { Contents } from "./contents.ts";
import type { HierarchyName } from "./hierarchy.ts";
import { isOfHierarchy, MountTree, pathBelow } from "./mount_tree.ts";
import type { Mount } from "./mounts.ts";

/** Names of the files of a cgroup. What is made in it may have a dot in its name as well. */
const FILES =
  /^(?:tasks|notify_on_release|release_agent|(?:cgroup|cpu|cpuset|cpuacct|io|blkio|memory|pids|hugetlb|rdma|misc|freezer|devices|net_cls|net_prio|perf_event)\..*)$/;

/**
 * A checkpoint that also has the cgroups without tasks in which something is watched, as systemd does with all of its
 * own: CRIU dumps only those at and below places of tasks, and cannot restore the watches when the others are gone. What
 * is outside of a cgroup namespace of the tasks is not theirs, and left to others.
 */
export function addWatchedCgroups(checkpoint: Checkpoint): Checkpoint {
  const { contents, controllers } = checkpoint;
  const mounts = contents?.namespaces.mounts ?? [];
  const roots = namespaceRoots(checkpoint);
  if (contents === undefined || mounts.length === 0 || roots.size === 0) return checkpoint;
  const watched = findWatched(contents, new MountTree(mounts), roots);
  const names = new Set([...controllers.map(({ hierarchy }) => hierarchy), ...watched.keys()]);
  const trees = [...names].sort().map((hierarchy) => (
    addDirectories(
      controllers.find((tree) => tree.hierarchy === hierarchy) ?? { hierarchy, directories: [] },
      { paths: watched.get(hierarchy) ?? new Set(), root: roots.get(hierarchy) ?? ROOT_PATH },
    )
  ));
  return watched.size === 0 ? checkpoint : { ...checkpoint, controllers: trees };
}

/** Where the root task's cgroup namespace begins, in each hierarchy that it has a part of. */
function namespaceRoots({ tasks: [root], sets }: Checkpoint): Map<HierarchyName, string> {
  const members = root?.set === undefined ? [] : sets.get(root.set)?.members ?? [];
  return new Map(members.flatMap(({ hierarchy, namespaceRoot }) => (
    namespaceRoot === undefined ? [] : [[hierarchy, namespaceRoot]]
  )));
}

/** Paths of cgroups, by their hierarchy. */
function findWatched(
  { files }: Contents,
  tree: MountTree,
  roots: ReadonlyMap<HierarchyName, string>,
): Map<HierarchyName, Set<string>> {
  const watched = new Map<HierarchyName, Set<string>>();
  for (const file of files.values()) {
    if (file.kind !== "inotify") continue;
    for (const { target } of file.watches) {
      if (target.kind !== "path") continue;
      const mount = tree.mountAt(target.path, tree.namespaceOf(target.mount));
      const [name, root] = [...roots].find(([name]) => mount !== undefined && isOfHierarchy(mount, name)) ?? [];
      if (mount === undefined || name === undefined || root === undefined) continue;
      const path = cgroupOf(target.path, mount, root);
      if (cgroupPathProblem(path) === undefined) watched.set(name, (watched.get(name) ?? new Set()).add(path));
    }
  }
  return watched;
}

/** The cgroup that a file in a mount is of. */
function cgroupOf(path: string, { mountPoint, root }: Mount, namespaceRoot: string): string {
  const inside = pathBelow(mountPoint, path);
  const directory = FILES.test(inside.slice(inside.lastIndexOf("/") + 1))
    ? inside.slice(0, inside.lastIndexOf("/"))
    : inside;
  return pathBelow(ROOT_PATH, namespaceRoot) + pathBelow(ROOT_PATH, root) + directory || ROOT_PATH;
}

/** They belong to whom the others in the namespace belong to: who is root in it has to be able to use them. */
function addDirectories(
  tree: ControllerTree,
  { paths, root }: { readonly paths: ReadonlySet<string>; readonly root: string },
): ControllerTree {
  const known = new Set(tree.directories.map(({ path }) => path));
  const added = [...paths].filter((path) => !known.has(path));
  const model = tree.directories.find(({ path, permissions }) => permissions !== undefined && isAtOrBelow(path, root));
  const common = {
    ...model?.permissions === undefined ? {} : { permissions: model.permissions },
    properties: model?.properties.filter(({ value }) => value === "") ?? [],
    isWatched: true as const,
  };
  const directories = [...tree.directories, ...added.map((path) => ({ path, ...common }))];
  return { ...tree, directories: directories.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0) };
}
