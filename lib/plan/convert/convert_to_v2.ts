import type { Problem } from "../../errors.ts";
import { isAtOrBelow, joinPath, parentPath, ROOT_PATH } from "../../model/cgroup_path.ts";
import type {
  CgroupSet,
  Checkpoint,
  ControllerTree,
  DumpedCgroup,
  Property,
  SetMember,
  Task,
} from "../../model/checkpoint.ts";
import { describeHierarchy, type HierarchyName, UNIFIED } from "../../model/hierarchy.ts";
import { isLimit, knownProperty } from "../controller_properties.ts";
import { mergeDirectories } from "../map_trees.ts";
import { abridge, describeLimit, describePids } from "../tell_losses.ts";
import { ownsPath, usedSets } from "../used_sets.ts";
import type { Conversion } from "./convert_checkpoint.ts";
import { convertProperties, limitsOf } from "./convert_properties.ts";
import { choosePlace, inPriority, isMerged, isOfV1 } from "./merge_places.ts";

/**
 * Converts a checkpoint from a host with cgroup v1 for one that has v2; `undefined` for what is as it would be there.
 *
 * A task has one place then, with the limits of all hierarchies: see `choosePlace`. Where cgroups below a place have
 * limits, its tasks get a cgroup of their own beside them: v2 has tasks in leaves only (cgroup-v2.rst, "No Internal
 * Process Constraint"). Hierarchies of controllers that v2 does not have, and named ones, stay what they are.
 *
 * @param present the host's hierarchies
 * @param isMoved whether places in the root are other ones here
 */
export function convertToV2(
  checkpoint: Checkpoint,
  { present, isMoved }: { readonly present: readonly HierarchyName[]; readonly isMoved: boolean },
): Conversion | undefined {
  const converter = new Converter(checkpoint, present);
  return converter.isNeeded(isMoved) ? converter.convert() : undefined;
}

class Converter {
  readonly #used: ReadonlyMap<CgroupSet, readonly number[]>;
  /** The hierarchies that become one, those that matter most first. */
  readonly #merged: readonly HierarchyName[];
  readonly #trees = new Map<HierarchyName, readonly DumpedCgroup[]>();
  readonly #notes: string[] = [];
  readonly #losses: Problem[] = [];

  constructor(readonly checkpoint: Checkpoint, present: readonly HierarchyName[]) {
    this.#used = usedSets(checkpoint);
    const members = Map.groupBy([...this.#used.keys()].flatMap((set) => set.members), ({ hierarchy }) => hierarchy);
    for (const [hierarchy, places] of members) {
      const tree = checkpoint.controllers.find((tree) => tree.hierarchy === hierarchy)?.directories ?? [];
      const paths = places.map(({ path }) => path);
      this.#trees.set(hierarchy, tree.filter(({ path }) => ownsPath(paths, path)));
    }
    const hasLimits = (name: HierarchyName) => this.#treeOf(name).some((directory) => limitsOf(directory).length > 0);
    this.#merged = inPriority(
      [...members.keys()].filter((name) => isMerged(name, { present, hasLimits: hasLimits(name) })),
    );
  }

  /** Whether there is a place in a hierarchy of v1 that becomes one of v2's. */
  isNeeded(isMoved: boolean): boolean {
    const names = this.#merged.filter(isOfV1);
    const sets = [...this.#used.keys()];
    return names.length > 0 && (isMoved || sets.some(({ members }) => (
      members.some(({ hierarchy, path }) => names.includes(hierarchy) && path !== ROOT_PATH)
    )));
  }

  convert(): Conversion {
    const places = new Map([...this.#used].map(([set, pids]) => {
      const place = choosePlace(set.members, this.#merged);
      this.#compare(set, place, describePids(pids));
      return [set, place];
    }));
    const paths = new Set([...places.values()].map(({ path }) => path));
    const directories = this.#mergeTrees([...paths]);
    const leaves = this.#planLeaves(directories, paths);
    const sets = new Map([...places].map(([set, place]) => {
      const path = leaves.get(place.path) ?? place.path;
      return [set.id, this.#convertSet(set, { ...place, hierarchy: UNIFIED, path })];
    }));
    const kept = this.checkpoint.controllers.filter(({ hierarchy }) => !this.#merged.includes(hierarchy));
    const tree: ControllerTree = { hierarchy: UNIFIED, directories, isOwned: true };
    const tasks = this.checkpoint.tasks.map((task) => this.#convertTask(task, sets));
    this.#notes.unshift("the checkpoint is from a host with cgroup v1, and is converted for cgroup2");
    return {
      checkpoint: { ...this.checkpoint, sets, controllers: [tree, ...kept], tasks },
      notes: this.#notes,
      losses: this.#losses,
    };
  }

  #treeOf(name: HierarchyName): readonly DumpedCgroup[] {
    return this.#trees.get(name) ?? [];
  }

  /** Tells which limits a set would no longer have, and which it would have besides. */
  #compare({ id, members }: CgroupSet, place: SetMember, pids: string): void {
    for (const { hierarchy, path } of members) {
      if (!this.#merged.includes(hierarchy)) continue;
      const before = this.#limitsAbove(hierarchy, path);
      const now = this.#limitsAbove(hierarchy, place.path);
      const changes = [
        ...tellChange("lost", before.filter((limit) => !now.includes(limit))),
        ...tellChange("new", now.filter((limit) => !before.includes(limit))),
      ];
      if (changes.length === 0) continue;
      this.#losses.push({
        where: `set ${id} (${pids})`,
        what: `its place in cgroup2 is "${place.path}", as in ${describeHierarchy(place.hierarchy)}, and it was ` +
          `"${path}" in ${describeHierarchy(hierarchy)}: ${changes.join("; ")}`,
      });
    }
  }

  /** The limits of a hierarchy that a place in it has, or would have. */
  #limitsAbove(hierarchy: HierarchyName, place: string): string[] {
    return this.#treeOf(hierarchy).filter(({ path }) => isAtOrBelow(place, path)).flatMap((directory) => (
      limitsOf(directory).map((property) => describeLimit(property, directory.path))
    ));
  }

  /** The cgroups of all hierarchies, without those that no place is in, above or below. */
  #mergeTrees(places: readonly string[]): DumpedCgroup[] {
    const isRelated = (path: string) => (
      places.some((place) => isAtOrBelow(place, path) || place !== ROOT_PATH && isAtOrBelow(path, place))
    );
    const merged = new Map<string, DumpedCgroup>();
    for (const directory of this.#merged.flatMap((name) => this.#treeOf(name))) {
      if (!isRelated(directory.path)) continue;
      merged.set(directory.path, mergeDirectories(merged.get(directory.path), directory));
    }
    const directories = [...merged.values()].sort((a, b) => a.path < b.path ? -1 : 1);
    return directories.map((directory) =>
      this.#convertDirectory(directory, merged.get(parentPath(directory.path) ?? ""))
    );
  }

  #convertDirectory({ properties, ...directory }: DumpedCgroup, parent: DumpedCgroup | undefined): DumpedCgroup {
    const { path } = directory;
    const isOfV2 = ({ name }: Property) => knownProperty(1, name) === undefined && knownProperty(2, name) !== undefined;
    for (const { name } of properties) {
      if ((knownProperty(1, name) ?? knownProperty(2, name)) !== undefined) continue;
      this.#notes.push(`${name} of ${path} is not known: skipped`);
    }
    const converted = convertProperties(
      properties.filter((property) => !isOfV2(property) && !isInherited(property, parent)),
    );
    const names = new Set(converted.properties.map(({ name }) => name));
    const own = properties.filter((property) => isOfV2(property) && !names.has(property.name));
    if (converted.lost.length > 0) {
      const lost = converted.lost.map(({ name, value }) => `${name} "${value}"`);
      this.#losses.push({ where: `cgroup "${path}"`, what: `cgroup2 has nothing like ${abridge(lost)}` });
    }
    return { ...directory, properties: [...converted.properties, ...own] };
  }

  /** Where tasks go instead, by places that have cgroups with limits below them. */
  #planLeaves(directories: readonly DumpedCgroup[], places: ReadonlySet<string>): Map<string, string> {
    const taken = new Set([...directories.map(({ path }) => path), ...places]);
    const leaves = new Map<string, string>();
    for (const place of places) {
      const isInner = place !== ROOT_PATH && directories.some(({ path, properties }) => (
        path !== place && isAtOrBelow(path, place) && properties.some(needsController)
      ));
      if (!isInner) continue;
      let leaf = joinPath(place, "leaf");
      while (taken.has(leaf)) leaf += "_";
      leaves.set(place, leaf);
      this.#notes.push(`tasks of "${place}" are in "${leaf}": cgroup2 has none beside cgroups with limits`);
    }
    return leaves;
  }

  #convertSet({ id, members }: CgroupSet, unified: SetMember): CgroupSet {
    const kept = members.filter(({ hierarchy }) => !this.#merged.includes(hierarchy));
    return { id, members: [unified, ...kept] };
  }

  /** In v2, the threads of a task are where it is. */
  #convertTask(task: Task, sets: ReadonlyMap<number, CgroupSet>): Task {
    const pathOf = (set: number | undefined) => sets.get(set ?? -1)?.members[0]?.path;
    const threads = task.threads.map(({ set, ...thread }) => {
      if (set !== undefined && pathOf(set) !== pathOf(task.set)) {
        const what = `it was in "${pathOf(set)}", and in cgroup2 it would be in "${pathOf(task.set)}", as its task`;
        this.#losses.push({ where: `thread ${thread.tid} of task ${task.pid}`, what });
      }
      return thread;
    });
    return { ...task, threads };
  }
}

/** What is of no controller, every cgroup has. */
function needsController({ name, value }: Property): boolean {
  return isLimit(2, name, value) && !name.startsWith("cgroup.");
}

function tellChange(kind: "lost" | "new", limits: readonly string[]): string[] {
  return limits.length === 0 ? [] : [`${kind} would be ${abridge(limits)}`];
}

/** Whether a cpuset has what is above it, which is what it has in v2 if nothing is said. */
function isInherited(
  { name, value }: { readonly name: string; readonly value: string },
  parent?: DumpedCgroup,
): boolean {
  const isCpuset = name === "cpuset.cpus" || name === "cpuset.mems";
  return isCpuset && parent?.properties.some((other) => other.name === name && other.value === value) === true;
}
