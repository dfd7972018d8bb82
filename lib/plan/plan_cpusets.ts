import type { Hierarchy } from "../host/host.ts";
import { parentPath, ROOT_PATH } from "../model/cgroup_path.ts";
import { controllersOf, type HierarchyName } from "../model/hierarchy.ts";
import type { WriteProperty } from "./plan.ts";
import type { HierarchyWork, WantedCgroup } from "./plan_cgroups.ts";

const FILES = ["cpuset.cpus", "cpuset.mems"] as const;

/** Whether it is a v1 hierarchy with the cpuset controller: an empty cpuset takes no task there (ENOSPC). */
export function isCpuset({ name, version }: Hierarchy): boolean {
  return version === 1 && controllersOf(name).includes("cpuset");
}

/**
 * Plans `cpuset.cpus` and `cpuset.mems` of every wanted cgroup of a v1 hierarchy, by path: the dumped value, or else
 * that of the parent for cgroups that are new or have none. A value must lie within that of the parent.
 */
export function planCpusets(work: HierarchyWork): Map<string, WriteProperty[]> {
  const planner = new CpusetPlanner(work);
  return new Map(work.wanted.map((cgroup) => [cgroup.path, FILES.flatMap((file) => planner.plan(cgroup, file))]));
}

class CpusetPlanner {
  /** Values as they will be, by path and file. */
  readonly #values = new Map<string, string>();

  constructor(readonly work: HierarchyWork) {
    for (const [path, { values }] of work.hierarchy.cgroups) {
      for (const file of FILES) {
        const value = values.get(file)?.trim() ?? "";
        if (value !== "") this.#values.set(keyOf(path, file), value);
      }
    }
  }

  plan(cgroup: WantedCgroup, file: string): WriteProperty[] {
    const key = keyOf(cgroup.path, file);
    const parent = this.#values.get(keyOf(parentPath(cgroup.path) ?? ROOT_PATH, file));
    const current = this.#values.get(key);
    const dumped = this.#dumpedValue(cgroup, file);
    const target = dumped ?? current ?? parent;
    if (target === undefined) return this.#leaveEmpty(cgroup, file);
    if (target === current) return [];
    if (this.work.mode === "none") return this.#refuseEmpty(cgroup, file);
    if (dumped !== undefined) this.#checkWithin(cgroup, { file, value: dumped, parent });
    if (cgroup.exists && !cgroup.isOwned) {
      this.work.notes.push(`${file} of cpuset:${cgroup.path} is empty: it gets "${target}", or no task could enter`);
    }
    this.#values.set(key, target);
    return [writeStep(this.work.hierarchy.name, cgroup, { file, value: target, isDumped: dumped !== undefined })];
  }

  /** Of an existing cpuset that is empty, the dumped value is used whatever the mode: there is nothing to preserve. */
  #dumpedValue({ path, dumped, writesSpecial, exists }: WantedCgroup, file: string): string | undefined {
    const isEmpty = exists && !this.#values.has(keyOf(path, file)) && this.work.mode !== "none";
    if (!writesSpecial && !isEmpty) return undefined;
    return dumped?.properties.find(({ name }) => name === file)?.value.trim() || undefined;
  }

  #checkWithin(
    cgroup: WantedCgroup,
    { file, value, parent }: { file: string; value: string; parent?: string | undefined },
  ) {
    if (parent === undefined || isWithin(value, parent)) return;
    const where = `cgroup cpuset:${cgroup.path}`;
    this.work.problems.push({
      where,
      what: `${file} was "${value}", and the cgroup above it has "${parent}" only: give that more, restore below ` +
        `another one with --cgroup-root, or make the cgroup beforehand and use --manage-cgroups=soft`,
    });
  }

  #refuseEmpty({ path, isPlace, exists }: WantedCgroup, file: string): WriteProperty[] {
    if (isPlace && exists) {
      const what = `${file} is empty, so that no task can enter: write it, or use --manage-cgroups=soft`;
      this.work.problems.push({ where: `cgroup cpuset:${path}`, what });
    }
    return [];
  }

  #leaveEmpty({ path, isPlace }: WantedCgroup, file: string): WriteProperty[] {
    if (isPlace) this.work.notes.push(`${file} of cpuset:${path} is not set: what the root has cannot be seen`);
    return [];
  }
}

function keyOf(path: string, file: string): string {
  return `${file} ${path}`;
}

function writeStep(
  hierarchy: HierarchyName,
  { path, exists }: WantedCgroup,
  { file, value, isDumped }: { file: string; value: string; isDumped: boolean },
): WriteProperty {
  return {
    kind: "write-property",
    hierarchy,
    path,
    file,
    writes: [value],
    expected: value,
    inNewCgroup: !exists,
    tolerated: [],
    reason: isDumped ? "dumped" : "from its parent",
  };
}

/** Whether every number of the list `inner` is in the list `outer` (cpuset(7), "List format"). */
export function isWithin(inner: string, outer: string): boolean {
  const ranges = parseList(outer);
  return parseList(inner).every(([first, last]) => {
    // Adjacent ranges are one, so that a range of `inner` has to lie in one of them.
    return ranges.some(([from, to]) => from <= first && last <= to);
  });
}

/** Sorted ranges, none of which touch. */
function parseList(text: string): [number, number][] {
  const ranges = text.split(",").filter((part) => part.trim() !== "").map((part): [number, number] => {
    const [first = NaN, last = first] = part.split("-").map(Number);
    return [first, last];
  });
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.sort(([a], [b]) => a - b)) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
