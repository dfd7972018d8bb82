import type { Problem } from "../errors.ts";
import type { CgControllerEntry, CgroupDirEntry, CgroupPerms } from "../gen/cgroup.ts";
import { joinPath, nameProblem } from "./cgroup_path.ts";
import { hierarchyNameProblem, imagePathProblem, renderHierarchy } from "./check_names.ts";
import type { CgroupSet, ControllerTree, DumpedCgroup, Permissions, Property } from "./checkpoint.ts";
import type { HierarchyName } from "./hierarchy.ts";

/** Deepest nesting of directories in an image. The decoder itself ends at 100 messages. */
const MAX_DEPTH = 64;

/** CRIU leaves the permissions of this file uninitialised (`create_cgroup_prop`, criu/cgroup.c). */
const WITHOUT_PERMISSIONS = "freezer.state";

/** One hierarchy while its directories are collected. */
interface Collection {
  /** `"cgroup.img, controller cpu,cpuacct"`. */
  readonly where: string;
  readonly directories: Map<string, DumpedCgroup>;
  readonly problems: Problem[];
}

/** The dumped directories of every hierarchy, sorted by its name; hierarchies are called as the sets call them. */
export function buildControllers(
  entries: readonly CgControllerEntry[],
  { sets, problems }: { readonly sets: Iterable<CgroupSet>; readonly problems: Problem[] },
): ControllerTree[] {
  const names = namesInSets(sets);
  const trees: ControllerTree[] = [];
  const seen = new Set<string>();
  for (const [index, { cnames, dirs }] of entries.entries()) {
    const joined = cnames.join(",");
    const hierarchy = names.get(sortedParts(joined)) ?? joined;
    const where = `cgroup.img, controller ${renderHierarchy(hierarchy)}`;
    const what = cnames.length === 0 ? `entry ${index} has no name` : hierarchyNameProblem(joined);
    if (what !== undefined) problems.push({ where, what });
    for (const controller of joined.split(",")) {
      if (seen.has(controller)) problems.push({ where, what: `"${controller}" is in more than one entry` });
      seen.add(controller);
    }
    trees.push({ hierarchy, directories: collectDirectories(dirs, { where, problems }) });
  }
  return trees.sort((a, b) => a.hierarchy < b.hierarchy ? -1 : 1);
}

/** The names of hierarchies in the sets, by their sorted controllers: cnames can have another order. */
function namesInSets(sets: Iterable<CgroupSet>): Map<string, HierarchyName> {
  const names = new Map<string, HierarchyName>();
  // All sets have the same hierarchies, so the first one tells.
  for (const { members } of sets) {
    for (const { hierarchy } of members) names.set(sortedParts(hierarchy), hierarchy);
    break;
  }
  return names;
}

function sortedParts(name: string): string {
  return name.split(",").sort().join(",");
}

function collectDirectories(
  heads: readonly CgroupDirEntry[],
  { where, problems }: { readonly where: string; readonly problems: Problem[] },
): DumpedCgroup[] {
  const collection = { where, directories: new Map(), problems };
  for (const head of heads) {
    const path = `/${head.dirName}`;
    collectDirectory(head, { path, depth: 1, collection });
  }
  return [...collection.directories.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}

function collectDirectory(
  entry: CgroupDirEntry,
  { path, depth, collection }: { readonly path: string; readonly depth: number; readonly collection: Collection },
): void {
  const { directories, problems } = collection;
  const where = `${collection.where}, directory ${JSON.stringify(path.slice(0, 300))}`;
  const what = depth > MAX_DEPTH ? `directories are nested more than ${MAX_DEPTH} deep` : imagePathProblem(path);
  if (what !== undefined) {
    problems.push({ where, what });
    return;
  }
  if (directories.has(path)) problems.push({ where, what: "the directory occurs more than once" });
  directories.set(path, buildDirectory(entry, { path, where, problems }));
  for (const child of entry.children) {
    if (child.dirName === "") problems.push({ where, what: "a directory in it has no name" });
    else collectDirectory(child, { path: joinPath(path, child.dirName), depth: depth + 1, collection });
  }
}

function buildDirectory(
  { dirPerms, properties }: CgroupDirEntry,
  { path, where, problems }: { readonly path: string; readonly where: string; readonly problems: Problem[] },
): DumpedCgroup {
  const built: Property[] = [];
  for (const { name, value, perms } of properties) {
    const what = nameProblem(name);
    if (what !== undefined) problems.push({ where, what: `a property has ${what}` });
    built.push({ name, value, ...permissionsOf(name === WITHOUT_PERMISSIONS ? undefined : perms) });
  }
  return { path, ...permissionsOf(dirPerms), properties: built };
}

function permissionsOf(entry: CgroupPerms | undefined): { permissions?: Permissions } {
  if (entry === undefined) return {};
  return { permissions: { mode: entry.mode & 0o7777, uid: entry.uid, gid: entry.gid } };
}
