import type { Problem } from "../errors.ts";
import { ancestorsOf, cgroupPathProblem, isAtOrBelow, joinPath, ROOT_PATH } from "../model/cgroup_path.ts";
import type { CgroupSet, Checkpoint, ControllerTree } from "../model/checkpoint.ts";
import { describeHierarchy, type HierarchyName } from "../model/hierarchy.ts";
import type { CgroupRoot } from "./plan.ts";

/** How `--cgroup-root` moves the paths of one hierarchy: `from` and all below it go to `to`. */
export interface RootMove {
  readonly from: string;
  readonly to: string;
}

export interface RootsPlan {
  /** By the image's names; hierarchies that stay as they are have none. */
  readonly moves: ReadonlyMap<HierarchyName, RootMove>;
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * What `--cgroup-root` means for each hierarchy of the image.
 *
 * As CRIU does, it replaces the head: the top of what was dumped. Of several heads CRIU makes one; here it is their
 * deepest common ancestor that is replaced, so that `/job/p` and `/job/c1` become `/new/p` and `/new/c1`. Images
 * without directories (dumped with `--manage-cgroups=ignore`) take the members of sets for heads.
 *
 * A hierarchy is named by any of its controllers, a list of them, `name=x`, or `""` for cgroup v2. Where no hierarchy of v1
 * has a controller, it is one of v2's.
 */
export function planRoots(
  checkpoint: Pick<Checkpoint, "controllers">,
  used: Iterable<CgroupSet>,
  roots: readonly CgroupRoot[],
): RootsPlan {
  const members = new Map<HierarchyName, string[]>();
  for (const { hierarchy, path } of [...used].flatMap((set) => set.members)) {
    members.set(hierarchy, [...members.get(hierarchy) ?? [], path]);
  }
  const known = [...members.keys()];
  const moves = new Map<HierarchyName, RootMove>();
  const problems: Problem[] = roots.flatMap((root) => {
    const what = cgroupPathProblem(root.path);
    return what === undefined ? [] : [{ where: "--cgroup-root", what }];
  });
  for (const [name, paths] of members) {
    const wanted = rootsFor(name, { roots, known });
    const [to, other] = wanted;
    if (other !== undefined) {
      const what = `"${to}" and "${other}" are both asked for, and it is one hierarchy: choose one`;
      problems.push({ where: `--cgroup-root of ${describeHierarchy(name)}`, what });
    }
    if (to === undefined) continue;
    const tree = checkpoint.controllers.find(({ hierarchy }) => hierarchy === name);
    const heads = headsOf(tree);
    moves.set(name, { from: commonAncestor(heads.length > 0 ? heads : paths), to });
  }
  return { moves, notes: notesOnUnused(roots, known), problems };
}

/** Where `path` goes: what is not at or below the replaced directory stays. */
export function applyRoot(move: RootMove | undefined, path: string): string {
  if (move === undefined || !isAtOrBelow(path, move.from)) return path;
  if (path === move.from) return move.to;
  return joinPath(move.to, path.slice(move.from === ROOT_PATH ? 1 : move.from.length + 1));
}

/** The different roots asked for one hierarchy: those that name it, else the default. */
function rootsFor(
  name: HierarchyName,
  { roots, known }: { readonly roots: readonly CgroupRoot[]; readonly known: readonly HierarchyName[] },
): string[] {
  const named = roots.filter(({ hierarchy }) => hierarchy !== undefined && names(hierarchy, known).includes(name));
  const chosen = named.length > 0 ? named : roots.filter(({ hierarchy }) => hierarchy === undefined);
  return [...new Set(chosen.map(({ path }) => path))];
}

/** Controllers that cgroup v2 has as well (cgroup-v2.rst). */
const UNIFIED = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc", "dmem"];

/** Those of the known hierarchies that are meant. */
function names(written: string, known: readonly HierarchyName[]): HierarchyName[] {
  const parts = written.split(",");
  const found = known.filter((name) => name.split(",").some((part) => parts.includes(part)));
  if (found.length > 0) return found;
  return known.filter((name) => name === "" && parts.every((part) => UNIFIED.includes(part)));
}

function notesOnUnused(roots: readonly CgroupRoot[], known: readonly HierarchyName[]): string[] {
  return roots.flatMap(({ hierarchy, path }) => {
    if (hierarchy === undefined || names(hierarchy, known).length > 0) return [];
    return [`--cgroup-root ${hierarchy}:${path} has no effect: no task of the checkpoint is in such a hierarchy`];
  });
}

function headsOf(tree: ControllerTree | undefined): string[] {
  const paths = new Set(tree?.directories.map(({ path }) => path));
  return [...paths].filter((path) => !ancestorsOf(path).some((ancestor) => paths.has(ancestor)));
}

function commonAncestor(paths: readonly string[]): string {
  const [first = ROOT_PATH, ...others] = paths;
  const line = [...ancestorsOf(first), first];
  return line.findLast((path) => others.every((other) => isAtOrBelow(other, path))) ?? ROOT_PATH;
}
