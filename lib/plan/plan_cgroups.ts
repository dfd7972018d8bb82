import type { Problem } from "../errors.ts";
import type { Hierarchy, Host } from "../host/host.ts";
import { ancestorsOf, isAtOrBelow, ROOT_PATH } from "../model/cgroup_path.ts";
import type { Checkpoint, DumpedCgroup, Permissions, Property } from "../model/checkpoint.ts";
import { describeHierarchy, type HierarchyName, UNIFIED } from "../model/hierarchy.ts";
import { type KnownProperty, knownProperty } from "./controller_properties.ts";
import type { HierarchyMapping } from "./map_hierarchies.ts";
import { comparePaths } from "./map_trees.ts";
import type { CgroupStep, ManageMode, PlanOptions, WriteProperty } from "./plan.ts";
import { isCpuset, planCpusets } from "./plan_cpusets.ts";
import { planSubtrees } from "./plan_subtrees.ts";

/** What `planCgroups` plans with. `mapping` is made from this `host`, its cgroups included. */
export interface CgroupQuestions {
  readonly checkpoint: Pick<Checkpoint, "ownSet">;
  readonly host: Pick<Host, "looseControllers" | "unifiedControllers">;
  readonly mapping: HierarchyMapping;
}

/** The part of a plan that is about cgroups. */
export interface CgroupsPlan {
  /** Directories, permissions, and properties that come before any task, parents first. */
  readonly before: readonly CgroupStep[];
  /** Properties that come after the tasks, parents first. */
  readonly after: readonly CgroupStep[];
  /** Freezer states, last of all; children first, as tasks below a frozen cgroup cannot be helped any more. */
  readonly freezes: readonly WriteProperty[];
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}

/** A cgroup that a plan is concerned with. */
export interface WantedCgroup {
  readonly path: string;
  /** Why it must exist: `"set 3"`, `"dumped"`, `"watched"`, `"above /job/p"`. */
  readonly reason: string;
  /** Whether it belongs to the tasks: it is a place of theirs, was dumped at or below one, or is watched. */
  readonly isOwned: boolean;
  readonly isPlace: boolean;
  readonly exists: boolean;
  readonly dumped?: DumpedCgroup;
  /** Whether properties of this kind are written from the image (`special`: those before tasks). */
  readonly writesSpecial: boolean;
  readonly writesOthers: boolean;
}

/** What is collected for one hierarchy. */
export interface HierarchyWork {
  readonly hierarchy: Hierarchy;
  readonly mode: ManageMode;
  /** Parents first; without the root. */
  readonly wanted: readonly WantedCgroup[];
  readonly notes: string[];
  readonly problems: Problem[];
}

/**
 * Plans directories, their permissions and their properties, by the rules of CRIU's modes (`--manage-cgroups`).
 *
 * Unlike CRIU: owner and mode of existing directories are set in modes `props` and `full` only, and of the tasks' own
 * directories only; `full` writes the special properties of existing directories too, but for `cgroup.type`; empty
 * cpusets are filled in every mode but `none`.
 */
export function planCgroups(questions: CgroupQuestions, options: Pick<PlanOptions, "mode" | "onMissing">): CgroupsPlan {
  const plan = {
    before: new Array<CgroupStep>(),
    after: new Array<CgroupStep>(),
    freezes: new Array<WriteProperty>(),
    notes: new Array<string>(),
    problems: new Array<Problem>(),
  };
  if (options.mode === "ignore") return plan;
  for (const hierarchy of questions.mapping.hierarchies) {
    const wanted = findWanted(hierarchy, questions, options.mode);
    if (wanted.length === 0) continue;
    const work = { hierarchy, mode: options.mode, wanted, notes: plan.notes, problems: plan.problems };
    const steps = planHierarchy(work, { ...questions.host, onMissing: options.onMissing });
    plan.before.push(...steps.before);
    plan.after.push(...steps.after);
    plan.freezes.unshift(...steps.freezes);
  }
  return plan;
}

function findWanted(hierarchy: Hierarchy, questions: CgroupQuestions, mode: ManageMode): WantedCgroup[] {
  const { mapping, checkpoint } = questions;
  const reasons = findReasons(hierarchy.name, mapping, checkpoint.ownSet);
  const tree = new Map(mapping.trees.get(hierarchy.name)?.map((directory) => [directory.path, directory]));
  const isIdle = tree.size === 0 && [...reasons.keys()].every((path) => path === hierarchy.ownPath);
  if (isIdle) return [];
  const places = [...reasons].flatMap(([path, why]) => why.startsWith("set") && path !== ROOT_PATH ? [path] : []);
  for (const [path, { isWatched = false }] of tree) {
    if (!reasons.has(path)) reasons.set(path, isWatched ? "watched" : "dumped");
  }
  for (const path of [...reasons.keys()].sort(comparePaths)) {
    for (const ancestor of ancestorsOf(path)) if (!reasons.has(ancestor)) reasons.set(ancestor, `above ${path}`);
  }
  reasons.delete(ROOT_PATH);
  return [...reasons].sort(([a], [b]) => comparePaths(a, b)).map(([path, reason]) => {
    const dumped = tree.get(path);
    const exists = hierarchy.cgroups.has(path) || isAtOrBelow(hierarchy.ownPath, path);
    const isOwned = dumped?.isWatched === true || places.some((place) => isAtOrBelow(path, place));
    const writes = writesOf(mode, exists);
    const cgroup = { path, reason, exists, isOwned, isPlace: places.includes(path), ...writes };
    return dumped === undefined ? cgroup : { ...cgroup, dumped };
  });
}

/** The places in one hierarchy, with the lowest set that has each. */
function findReasons(
  name: HierarchyName,
  { places, namespaceRoots }: HierarchyMapping,
  ownSet: number | undefined,
): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const [from, why] of [[places, "set"], [namespaceRoots, "namespace of set"]] as const) {
    for (const [id, members] of [...from].sort(([a], [b]) => a - b)) {
      const path = members.get(name);
      if (id !== ownSet && path !== undefined && !reasons.has(path)) reasons.set(path, `${why} ${id}`);
    }
  }
  return reasons;
}

function writesOf(mode: ManageMode, exists: boolean): Pick<WantedCgroup, "writesSpecial" | "writesOthers"> {
  if (exists) return { writesSpecial: mode === "full", writesOthers: mode === "full" || mode === "props" };
  const makes = mode === "soft" || mode === "full" || mode === "strict";
  return { writesSpecial: makes, writesOthers: makes };
}

interface HierarchySteps {
  readonly before: CgroupStep[];
  readonly after: CgroupStep[];
  readonly freezes: WriteProperty[];
}

function planHierarchy(
  work: HierarchyWork,
  host: Pick<Host, "looseControllers" | "unifiedControllers"> & Pick<PlanOptions, "onMissing">,
): HierarchySteps {
  const { hierarchy, wanted } = work;
  const steps: HierarchySteps = { before: [], after: [], freezes: [] };
  checkExistence(work);
  const subtrees = hierarchy.name === UNIFIED ? planSubtrees(work, host) : undefined;
  const cpusets = isCpuset(hierarchy) ? planCpusets(work) : undefined;
  steps.before.push(...subtrees?.steps.get(ROOT_PATH) ?? []);
  for (const cgroup of wanted) {
    const properties = planProperties(work, cgroup, subtrees?.lacking ?? new Set());
    steps.before.push(
      ...planDirectory(hierarchy, cgroup),
      ...planPermissions(work, cgroup),
      ...cpusets?.get(cgroup.path) ?? [],
      // Only a cgroup that has its type can have controllers below it.
      ...properties.before.filter(({ file }) => file === "cgroup.type"),
      ...subtrees?.steps.get(cgroup.path) ?? [],
      ...properties.before.filter(({ file }) => file !== "cgroup.type"),
    );
    steps.after.push(...properties.after);
    steps.freezes.unshift(...properties.freezes);
  }
  return steps;
}

function checkExistence({ hierarchy, mode, wanted, problems }: HierarchyWork): void {
  for (const { path, exists, isOwned } of wanted) {
    if (!isOwned) continue;
    const where = `cgroup ${describeHierarchy(hierarchy.name)}:${path}`;
    if (exists && mode === "strict") {
      const hint = "remove it, or use --manage-cgroups=soft or full";
      problems.push({ where, what: `it exists, and mode strict restores into new cgroups only: ${hint}` });
    }
    if (!exists && (mode === "none" || mode === "props")) {
      const hint = "make it, or use --manage-cgroups=soft";
      problems.push({ where, what: `it does not exist, and mode ${mode} makes none: ${hint}` });
    }
  }
}

function planDirectory({ name }: Hierarchy, { path, exists, reason }: WantedCgroup): CgroupStep[] {
  return exists ? [] : [{ kind: "make-cgroup", hierarchy: name, path, reason }];
}

const NEW_DIRECTORY: Permissions = { mode: 0o755, uid: 0, gid: 0 };

function planPermissions({ hierarchy, mode }: HierarchyWork, cgroup: WantedCgroup): CgroupStep[] {
  const { path, dumped, exists, isOwned } = cgroup;
  if (dumped === undefined || !isOwned || (exists && mode !== "props" && mode !== "full")) return [];
  const { name, version } = hierarchy;
  const base = { kind: "set-permissions", hierarchy: name, path } as const;
  const current = exists ? hierarchy.cgroups.get(path) ?? NEW_DIRECTORY : NEW_DIRECTORY;
  const ofDirectory = dumped.permissions;
  const changed = ofDirectory !== undefined && !samePermissions(ofDirectory, current);
  const steps: CgroupStep[] = changed ? [{ ...base, ...permissionsOf(ofDirectory), optional: false }] : [];
  for (const { name: file, permissions } of dumped.properties) {
    const known = knownProperty(version, file);
    if (permissions === undefined || known === undefined || known.stage === "never") continue;
    // CRIU leaves those of freezer.state to chance (criu/cgroup.c: create_cgroup_prop).
    if (file === "freezer.state" || samePermissions(permissions, { mode: known.mode, uid: 0, gid: 0 })) continue;
    steps.push({ ...base, file, ...permissionsOf(permissions), optional: true });
  }
  return steps;
}

function permissionsOf({ mode, uid, gid }: Permissions): Permissions {
  return { mode, uid, gid };
}

function samePermissions(a: Permissions, b: Permissions): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

interface PropertySteps {
  readonly before: WriteProperty[];
  readonly after: WriteProperty[];
  readonly freezes: WriteProperty[];
}

function planProperties(work: HierarchyWork, cgroup: WantedCgroup, lacking: ReadonlySet<string>): PropertySteps {
  const steps: PropertySteps = { before: [], after: [], freezes: [] };
  for (const { property, known } of knownProperties(work, cgroup)) {
    const write = () => writesFor(work.hierarchy.name, { cgroup, property, known });
    const special = known.stage === "before";
    if (!(special ? cgroup.writesSpecial : cgroup.writesOthers)) continue;
    if (isCpuset(work.hierarchy) && /^cpuset\.(cpus|mems)$/.test(property.name)) continue;
    if (property.name === "cgroup.type" && (cgroup.exists || property.value !== "threaded")) continue;
    if (lacking.has(property.name.split(".")[0] ?? "")) continue;
    if (special) steps.before.push(...write());
    else if (known.stage === "after") steps.after.push(...write());
    else if (known.stage === "freeze" && !known.isDefault(property.value)) steps.freezes.push(...write());
  }
  return steps;
}

/** The dumped properties of one cgroup that are in the table, in its order; notes on the others. */
function knownProperties(
  { hierarchy, notes }: HierarchyWork,
  { dumped, path }: WantedCgroup,
): { property: Property; known: KnownProperty }[] {
  const found = (dumped?.properties ?? []).flatMap((property) => {
    const known = knownProperty(hierarchy.version, property.name);
    if (known !== undefined && known.stage !== "never") return [{ property, known }];
    const why = known === undefined ? "is not known" : "is never written from an image";
    notes.push(`${property.name} of ${describeHierarchy(hierarchy.name)}:${path} ${why}: skipped`);
    return [];
  });
  return found.sort((a, b) => a.known.order - b.known.order);
}

interface OneProperty {
  readonly cgroup: WantedCgroup;
  readonly property: Property;
  readonly known: KnownProperty;
}

/** The writes of one property; none when there is nothing to say. */
function writesFor(hierarchy: HierarchyName, { cgroup, property, known }: OneProperty): WriteProperty[] {
  const { name: file, value } = property;
  const isDefault = known.isDefault(value);
  // In an existing cgroup, a refused default may mean that another value stays.
  const harmless = isDefault ? known.tolerated.filter((code) => !cgroup.exists || code !== "EINVAL") : [];
  const step: WriteProperty = {
    kind: "write-property",
    hierarchy,
    path: cgroup.path,
    file,
    writes: known.split === "lines" ? linesOf(value) : [normalValue(file, value)],
    expected: normalValue(file, value),
    inNewCgroup: !cgroup.exists,
    tolerated: file === "net_prio.ifpriomap" ? known.tolerated : harmless,
    reason: "dumped",
  };
  if (file === "devices.list") return isDefault ? [] : deviceWrites(step);
  if (file === "net_prio.ifpriomap") {
    const writes = step.writes.filter((line) => !/\s0$/.test(line));
    return writes.length === 0 ? [] : [{ ...step, writes }];
  }
  return step.writes.length === 0 ? [] : [step];
}

/** The list can only be changed through two other files: everything is denied first, then each entry allowed. */
function deviceWrites(step: WriteProperty): WriteProperty[] {
  const readFile = step.file;
  const deny = { ...step, file: "devices.deny", readFile, writes: ["a"] };
  const allow = { ...step, file: "devices.allow", readFile };
  return allow.writes.length === 0 ? [deny] : [deny, allow];
}

function linesOf(value: string): string[] {
  return value.split("\n").filter((line) => line.trim() !== "");
}

/** What is written for a value that the kernel words otherwise when read: `root invalid (…)`, `FREEZING`. */
function normalValue(file: string, value: string): string {
  if (file === "freezer.state") return "FROZEN";
  if (file === "cpuset.cpus.partition") return value.split(" ")[0] ?? value;
  return value;
}
