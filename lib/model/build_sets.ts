import type { Problem } from "../errors.ts";
import type { CgSetEntry } from "../gen/cgroup.ts";
import { decodeText, encodeText } from "../text.ts";
import { byteLength, hierarchyNameProblem, imagePathProblem, renderHierarchy } from "./check_names.ts";
import type { CgroupSet, SetMember } from "./checkpoint.ts";

/** What the building of sets has to know and to keep. */
interface SetsContext {
  readonly ownSet: number | undefined;
  readonly problems: Problem[];
  /** Verdicts on paths: a set has the same path in most of its hierarchies. */
  readonly paths: Map<string, string | undefined>;
}

/**
 * The cgroup sets by id. All have the same hierarchies.
 *
 * The set of the dumping CRIU itself is left out should it be there: whoever has it stays with cgrestore.
 */
export function buildSets(
  entries: readonly CgSetEntry[],
  { ownSet, problems }: { readonly ownSet: number | undefined; readonly problems: Problem[] },
): Map<number, CgroupSet> {
  const context = { ownSet, problems, paths: new Map() };
  const sets = new Map<number, CgroupSet>();
  const ids = new Set<number>();
  let first: { id: number; names: string } | undefined;
  for (const entry of entries) {
    const { id } = entry;
    if (id === 0) problems.push({ where: whereSet(id), what: "0 cannot be the id of a set, it means no set" });
    if (ids.has(id)) problems.push({ where: whereSet(id), what: "the set occurs more than once" });
    ids.add(id);
    const set = buildSet(entry, context);
    const names = JSON.stringify(set.members.map((member) => member.hierarchy));
    if (first === undefined) checkHierarchies(set, problems);
    else if (names !== first.names) {
      const what = `the set has the hierarchies ${names}, but set ${first.id} has ${first.names}`;
      problems.push({ where: whereSet(id), what });
    }
    first ??= { id, names };
    if (id !== ownSet) sets.set(id, set);
  }
  return sets;
}

function whereSet(id: number): string {
  return `cgroup.img, set ${id}`;
}

function buildSet({ id, ctls }: CgSetEntry, context: SetsContext): CgroupSet {
  const members: SetMember[] = [];
  for (const { name, path, cgnsPrefix } of ctls) {
    const prefix = cgnsPrefix ?? 0;
    const root = prefix === 0 ? undefined : leadingBytes(path, prefix);
    const what = pathProblem(path, context) ?? prefixProblem({ path, prefix, root });
    if (what !== undefined) {
      context.problems.push({ where: `${whereSet(id)}, hierarchy ${renderHierarchy(name)}`, what });
    }
    members.push({ hierarchy: name, path, ...(root === undefined ? {} : { namespaceRoot: root }) });
  }
  return { id, members: members.sort((a, b) => a.hierarchy < b.hierarchy ? -1 : 1) };
}

function pathProblem(path: string, { paths }: SetsContext): string | undefined {
  if (!paths.has(path)) paths.set(path, imagePathProblem(path));
  return paths.get(path);
}

/** The first `count` bytes of `path`, as far as they are whole characters. */
function leadingBytes(path: string, count: number): string {
  if (byteLength(path) === path.length) return path.slice(0, count);
  return decodeText(encodeText(path).subarray(0, count));
}

function prefixProblem(
  { path, prefix, root }: { readonly path: string; readonly prefix: number; readonly root: string | undefined },
): string | undefined {
  if (root === undefined) return undefined;
  const tail = `bytes of ${JSON.stringify(path)} lie outside the cgroup namespace`;
  if (prefix > byteLength(path)) return `${prefix} ${tail}, which are more than it has`;
  if (path === root || (path.startsWith(root) && path[root.length] === "/")) return undefined;
  return `${prefix} ${tail}, which do not end with a component`;
}

/** Names, and that no controller is in two hierarchies. Once is enough: the other sets have the same. */
function checkHierarchies({ id, members }: CgroupSet, problems: Problem[]): void {
  const seen = new Set<string>();
  for (const { hierarchy } of members) {
    const where = `${whereSet(id)}, hierarchy ${renderHierarchy(hierarchy)}`;
    const what = hierarchyNameProblem(hierarchy);
    if (what !== undefined) problems.push({ where, what });
    for (const controller of hierarchy.split(",")) {
      if (seen.has(controller)) problems.push({ where, what: `"${controller}" is in more than one member of the set` });
      seen.add(controller);
    }
  }
}
