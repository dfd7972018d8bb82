import type { Problem } from "../errors.ts";
import type { Hierarchy, Host } from "../host/host.ts";
import { isAtOrBelow, ROOT_PATH } from "../model/cgroup_path.ts";
import type { CgroupSet, Checkpoint, DumpedCgroup, SetMember } from "../model/checkpoint.ts";
import { describeHierarchy, type HierarchyName, isNamed, UNIFIED } from "../model/hierarchy.ts";
import { isLimit } from "./controller_properties.ts";
import { mapTrees } from "./map_trees.ts";
import type { PlanOptions } from "./plan.ts";
import { applyRoot, planRoots, type RootMove } from "./plan_roots.ts";
import { abridge, describeLimit, describePids } from "./tell_losses.ts";
import { ownsPath, usedSets } from "./used_sets.ts";

/** What mapping has to know of a host. */
export type MappingHost = Pick<Host, "hierarchies" | "looseControllers" | "unifiedControllers">;

/** For each part of an image's name of a hierarchy (a controller, `name=x`, `""`), the host's hierarchy that has it. */
export type Targets = ReadonlyMap<string, HierarchyName>;

/** What the checkpoint's hierarchies and paths are on this host. Paths are after `--cgroup-root`. */
export interface HierarchyMapping {
  /** The host's hierarchies and those to be made, sorted by name. */
  readonly hierarchies: readonly Hierarchy[];
  /** Those of them that do not exist yet: mounting makes them. */
  readonly newHierarchies: ReadonlySet<HierarchyName>;
  /** By the image's name. Parts that this host lacks are left out. */
  readonly targets: ReadonlyMap<HierarchyName, Targets>;
  /** By id of a set that is in use, and by the host's name; of hierarchies that the image says nothing about, none. */
  readonly places: ReadonlyMap<number, ReadonlyMap<HierarchyName, string>>;
  /** As `places`: where the cgroup namespace begins, for sets that lay in one. */
  readonly namespaceRoots: ReadonlyMap<number, ReadonlyMap<HierarchyName, string>>;
  /**
   * The dumped cgroups that belong to the tasks, by the host's name, parents first: those at or below a place that is
   * not the root of its hierarchy. Others are in an image because a task sat in the root; they are the dump host's.
   */
  readonly trees: ReadonlyMap<HierarchyName, readonly DumpedCgroup[]>;
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * Finds for each hierarchy of the image the ones of this host, controller by controller, and for each set its places.
 *
 * A hierarchy in which every task would be where cgrestore is anyway is not missed. With mode `ignore`, all sets are
 * where cgrestore is.
 */
export function mapHierarchies(
  checkpoint: Checkpoint,
  host: MappingHost,
  options: Pick<PlanOptions, "mode" | "roots" | "onMissing">,
): HierarchyMapping {
  if (options.mode === "ignore") return stayHere(checkpoint, host);
  const used = usedSets(checkpoint);
  const roots = planRoots(checkpoint, used.keys(), options.roots);
  const mapper = new Mapper(checkpoint, host, { used, moves: roots.moves, onMissing: options.onMissing });
  mapper.mapAll();
  const places = new Map<number, ReadonlyMap<HierarchyName, string>>();
  const namespaceRoots = new Map<number, ReadonlyMap<HierarchyName, string>>();
  for (const set of used.keys()) {
    places.set(set.id, mapper.placesOf(set));
    const ofNamespace = mapper.namespaceRootsOf(set);
    if (ofNamespace.size > 0) namespaceRoots.set(set.id, ofNamespace);
  }
  if (checkpoint.ownSet !== undefined) places.set(checkpoint.ownSet, ownPlaces(host.hierarchies));
  return {
    hierarchies: mapper.hierarchies(),
    newHierarchies: new Set(mapper.made.keys()),
    targets: mapper.targets,
    places,
    namespaceRoots,
    trees: mapTrees(checkpoint, { targets: mapper.targets, owns: mapper.owns, move: mapper.move }),
    notes: [...roots.notes, ...mapper.notes],
    problems: [...roots.problems, ...mapper.problems],
  };
}

function stayHere(checkpoint: Checkpoint, host: MappingHost): HierarchyMapping {
  const own = ownPlaces(host.hierarchies);
  const sets = [...[...usedSets(checkpoint).keys()].map(({ id }) => id), ...ownSetOf(checkpoint)];
  return {
    hierarchies: host.hierarchies,
    newHierarchies: new Set(),
    targets: new Map(),
    places: new Map(sets.map((id) => [id, own])),
    namespaceRoots: new Map(),
    trees: new Map(),
    notes: [],
    problems: [],
  };
}

function ownSetOf({ ownSet }: Checkpoint): number[] {
  return ownSet === undefined ? [] : [ownSet];
}

function ownPlaces(hierarchies: readonly Hierarchy[]): ReadonlyMap<HierarchyName, string> {
  return new Map(hierarchies.map(({ name, ownPath }) => [name, ownPath]));
}

/** What cgroup v2 calls a v1 controller. */
function unifiedName(controller: string): string {
  return controller === "blkio" ? "io" : controller;
}

interface MapperOptions {
  readonly used: ReadonlyMap<CgroupSet, readonly number[]>;
  readonly moves: ReadonlyMap<HierarchyName, RootMove>;
  readonly onMissing: PlanOptions["onMissing"];
}

/** Collects the mapping of one checkpoint, with everything that is wrong about it. */
class Mapper {
  readonly targets = new Map<HierarchyName, Map<string, HierarchyName>>();
  /** Hierarchies to be made. */
  readonly made = new Map<HierarchyName, Hierarchy>();
  readonly notes: string[] = [];
  readonly problems: Problem[] = [];
  readonly #members = new Map<HierarchyName, SetMember[]>();

  constructor(readonly checkpoint: Checkpoint, readonly host: MappingHost, readonly options: MapperOptions) {
    for (const member of [...options.used.keys()].flatMap((set) => set.members)) {
      const members = this.#members.get(member.hierarchy);
      if (members === undefined) this.#members.set(member.hierarchy, [member]);
      else members.push(member);
    }
  }

  hierarchies(): Hierarchy[] {
    return [...this.host.hierarchies, ...this.made.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Where a path of the image is on this host. */
  readonly move = (name: HierarchyName, path: string): string => applyRoot(this.options.moves.get(name), path);

  /** Whether a dumped cgroup belongs to the tasks; by the image's names and paths. */
  readonly owns = (name: HierarchyName, path: string): boolean => {
    const places = (this.#members.get(name) ?? []).map((member) => member.path);
    return this.#isOwned(name) || ownsPath(places, path);
  };

  #isOwned(name: HierarchyName): boolean {
    return this.checkpoint.controllers.find(({ hierarchy }) => hierarchy === name)?.isOwned === true;
  }

  mapAll(): void {
    for (const name of [...this.#members.keys()].sort()) this.#mapHierarchy(name);
  }

  placesOf(set: CgroupSet): Map<HierarchyName, string> {
    const chosen = new Map<HierarchyName, SetMember>();
    for (const member of set.members) {
      for (const target of new Set(this.targets.get(member.hierarchy)?.values())) {
        const other = chosen.get(target);
        if (other === undefined) chosen.set(target, member);
        else this.#checkSame(`set ${set.id}`, target, [other, member]);
      }
    }
    return new Map([...chosen].sort().map(([target, { hierarchy, path }]) => [target, this.move(hierarchy, path)]));
  }

  #checkSame(where: string, target: HierarchyName, [a, b]: readonly [SetMember, SetMember]): void {
    const [pathA, pathB] = [this.move(a.hierarchy, a.path), this.move(b.hierarchy, b.path)];
    if (pathA === pathB) return;
    const [nameA, nameB] = [describeHierarchy(a.hierarchy), describeHierarchy(b.hierarchy)];
    this.problems.push({
      where,
      what: `"${pathA}" in ${nameA} and "${pathB}" in ${nameB} are two places in one hierarchy, which is ` +
        `${describeHierarchy(target)} here: make them one with --cgroup-root`,
    });
  }

  namespaceRootsOf(set: CgroupSet): Map<HierarchyName, string> {
    const roots = new Map<HierarchyName, string>();
    for (const member of set.members) {
      const root = this.#namespaceRoot(member);
      if (root === undefined) continue;
      for (const target of this.targets.get(member.hierarchy)?.values() ?? []) roots.set(target, root);
    }
    return roots;
  }

  /** A namespace that began above what `--cgroup-root` replaces begins at the new root: the old place is elsewhere. */
  #namespaceRoot({ hierarchy, namespaceRoot, path }: SetMember): string | undefined {
    if (namespaceRoot === undefined) return undefined;
    const moved = this.move(hierarchy, namespaceRoot);
    if (isAtOrBelow(this.move(hierarchy, path), moved)) return moved;
    return this.options.moves.get(hierarchy)?.to;
  }

  #find(part: string): Hierarchy | undefined {
    return this.host.hierarchies.find(({ name }) => name.split(",").includes(part));
  }

  /** Whether some task would be elsewhere in the hierarchy that has `part` if nothing were done. */
  #isNeeded(name: HierarchyName, part: string): boolean {
    const ownPath = this.#find(part)?.ownPath ?? ROOT_PATH;
    return (this.#members.get(name) ?? []).some(({ path }) => this.move(name, path) !== ownPath);
  }

  #mapHierarchy(name: HierarchyName): void {
    const targets = new Map<string, HierarchyName>();
    this.targets.set(name, targets);
    const missing: string[] = [];
    for (const part of name.split(",")) {
      const target = this.#find(part);
      if (target !== undefined) targets.set(part, target.name);
      else if (this.#isNeeded(name, part)) missing.push(part);
    }
    const mountable = missing.filter((part) => this.#isMountable(part));
    if (mountable.length > 0) {
      const made = mountable.join(",");
      const version = made === UNIFIED ? 2 : 1;
      this.made.set(made, { name: made, version, ownPath: ROOT_PATH, cgroups: new Map() });
      for (const part of mountable) targets.set(part, made);
      this.notes.push(`hierarchy ${describeHierarchy(made)} does not exist here: it is made`);
    }
    for (const part of missing) if (!targets.has(part)) this.#miss(name, part);
  }

  /** Whether a hierarchy may be made for `part` without taking anything from cgroup v2. */
  #isMountable(part: string): boolean {
    if (part === UNIFIED || isNamed(part)) return true;
    return this.host.looseControllers.includes(part) && !this.#isUnified(part);
  }

  /** v2 always has `perf_event`, without listing it (kernel/events/core.c: `implicit_on_dfl`). */
  #isUnified(part: string): boolean {
    if (part === "perf_event") return this.#find(UNIFIED)?.mount !== undefined;
    return this.host.unifiedControllers.includes(unifiedName(part));
  }

  #miss(name: HierarchyName, part: string): void {
    const why = this.#isUnified(part) ? "cgroup2 has it on this host" : "this kernel lacks it or has it switched off";
    const lost = `lost would be ${this.#lostPlaces(name)}${this.#lostLimits(name, part)}`;
    const what = `${part} is not to be had as a v1 controller: ${why}; ${lost}`;
    if (this.options.onMissing === "skip") this.notes.push(`${what}; skipped`);
    else {
      const where = `controller ${part}`;
      this.problems.push({ where, what: `${what}; --on-missing=skip goes on without it` });
    }
  }

  #lostPlaces(name: HierarchyName): string {
    const lost = [...this.options.used].flatMap(([set, pids]) => {
      const path = set.members.find(({ hierarchy }) => hierarchy === name)?.path;
      return path === undefined || path === ROOT_PATH ? [] : [`"${path}" of set ${set.id} (${describePids(pids)})`];
    });
    return abridge(lost);
  }

  #lostLimits(name: HierarchyName, part: string): string {
    const tree = this.checkpoint.controllers.find(({ hierarchy }) => hierarchy === name);
    const owned = tree?.directories.filter(({ path }) => this.owns(name, path)) ?? [];
    const lost = owned.flatMap(({ path, properties }) => (
      properties.filter(({ name, value }) => name.startsWith(`${part}.`) && isLimit(1, name, value))
        .map((property) => describeLimit(property, path))
    ));
    return lost.length === 0 ? "" : `; and ${abridge(lost)}`;
  }
}
