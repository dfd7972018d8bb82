import type { Host } from "../host/host.ts";
import { ancestorsOf, ROOT_PATH } from "../model/cgroup_path.ts";
import type { Property } from "../model/checkpoint.ts";
import { knownProperty } from "./controller_properties.ts";
import type { PlanOptions, WriteProperty } from "./plan.ts";
import type { HierarchyWork, WantedCgroup } from "./plan_cgroups.ts";

const FILE = "cgroup.subtree_control";

/** Which controllers are enabled for the children of which cgroups of the v2 hierarchy. */
export interface SubtreesPlan {
  /** By path, the root included. Written top-down, before the tasks: v2 enables nothing below a cgroup with tasks. */
  readonly steps: ReadonlyMap<string, readonly WriteProperty[]>;
  /** Controllers that are wanted and not to be had, with `--on-missing=skip`. */
  readonly lacking: ReadonlySet<string>;
}

/**
 * Plans `cgroup.subtree_control`: what the image lists for a cgroup, and in all cgroups above it the same and the
 * controllers of its limits. Controllers are added, never taken away: others may depend on them.
 */
export function planSubtrees(
  work: HierarchyWork,
  host: Pick<Host, "looseControllers" | "unifiedControllers"> & Pick<PlanOptions, "onMissing">,
): SubtreesPlan {
  const needs = findNeeds(work.wanted);
  const offered = offeredControllers(work, host);
  const lacking = new Set<string>();
  for (const [controller, reason] of needs.get(ROOT_PATH) ?? []) {
    if (offered.has(controller)) continue;
    lacking.add(controller);
    const what = `cgroup2 does not offer it here, and "${reason}" has it: its limits would be lost`;
    if (host.onMissing === "skip") work.notes.push(`controller ${controller}: ${what}; skipped`);
    else {
      const hint = "--on-missing=skip goes on without it";
      work.problems.push({ where: `controller ${controller} of cgroup2`, what: `${what}; ${hint}` });
    }
  }
  const steps = new Map<string, WriteProperty[]>();
  for (const [path, controllers] of needs) {
    const wanted = new Map([...controllers].filter(([controller]) => !lacking.has(controller)));
    steps.set(path, planSubtree(work, path, wanted));
  }
  return { steps, lacking };
}

/** For each cgroup, the root included, the controllers its children need, with the cgroup that is the reason. */
function findNeeds(wanted: readonly WantedCgroup[]): Map<string, Map<string, string>> {
  const needs = new Map<string, Map<string, string>>();
  const need = (path: string, controller: string, reason: string) => {
    const controllers = needs.get(path) ?? new Map<string, string>();
    needs.set(path, controllers);
    if (!controllers.has(controller)) controllers.set(controller, reason);
  };
  for (const cgroup of wanted) {
    const { path } = cgroup;
    const listed = listedControllers(cgroup);
    for (const controller of listed) need(path, controller, path);
    for (const ancestor of ancestorsOf(path)) {
      for (const controller of [...listed, ...limitingControllers(cgroup)]) need(ancestor, controller, path);
    }
  }
  return needs;
}

function listedControllers({ dumped, writesOthers }: WantedCgroup): string[] {
  if (!writesOthers) return [];
  const value = dumped?.properties.find(({ name }) => name === FILE)?.value ?? "";
  return value.split(/\s+/).filter((word) => word !== "");
}

function limitingControllers({ dumped, writesOthers, writesSpecial }: WantedCgroup): string[] {
  const limits = (dumped?.properties ?? []).filter((property) => {
    const stage = limitStage(property);
    return stage === "after" ? writesOthers : stage === "before" && writesSpecial;
  });
  return limits.map(({ name }) => name.split(".")[0] ?? "").filter((controller) => controller !== "cgroup");
}

function limitStage({ name, value }: Property): string | undefined {
  const known = knownProperty(2, name);
  return known === undefined || known.isDefault(value) ? undefined : known.stage;
}

/** A hierarchy that is mounted nowhere does not tell; it will have what no v1 hierarchy has. */
function offeredControllers(
  { hierarchy }: HierarchyWork,
  host: Pick<Host, "looseControllers" | "unifiedControllers">,
): ReadonlySet<string> {
  if (hierarchy.mount !== undefined) return new Set(host.unifiedControllers);
  return new Set(host.looseControllers.map((name) => name === "blkio" ? "io" : name));
}

function planSubtree(work: HierarchyWork, path: string, wanted: ReadonlyMap<string, string>): WriteProperty[] {
  const { hierarchy, notes } = work;
  const cgroup = work.wanted.find((candidate) => candidate.path === path);
  const exists = cgroup?.exists ?? true;
  const current = (hierarchy.cgroups.get(path)?.values.get(FILE) ?? "").split(" ").filter((word) => word !== "");
  const added = [...wanted.keys()].filter((controller) => !current.includes(controller)).sort();
  if (added.length === 0) return [];
  const reasons = [...new Set(added.map((controller) => wanted.get(controller) ?? path))].filter((r) => r !== path);
  if (exists) {
    const why = reasons.length === 0 ? "as dumped" : `for ${reasons[0]}`;
    notes.push(`cgroup2:${path} gets ${added.join(", ")} enabled for its children, ${why}`);
  }
  return [{
    kind: "write-property",
    hierarchy: hierarchy.name,
    path,
    file: FILE,
    writes: [added.map((controller) => `+${controller}`).join(" ")],
    expected: [...current, ...added].sort().join(" "),
    inNewCgroup: !exists,
    tolerated: [],
    reason: reasons[0] === undefined ? "dumped" : `for ${reasons[0]}`,
  }];
}
