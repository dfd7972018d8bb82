import { isAtOrBelow, ROOT_PATH } from "../../model/cgroup_path.ts";
import type { SetMember } from "../../model/checkpoint.ts";
import { controllersOf, type HierarchyName, isNamed, UNIFIED } from "../../model/hierarchy.ts";

/** Managers of services and containers think of these hierarchies first: `""` is v2 on a host that has both. */
const PRIORITY: readonly string[] = [UNIFIED, "name=systemd", "memory", "cpu", "pids"];

/** Controllers that v2 does not have (cgroup-v2.rst, "Controllers"). */
const NOT_IN_V2: readonly string[] = ["devices", "net_cls", "net_prio"];

/** Those that a host with v2 may have in v1 besides: v2 does without them. */
const BESIDE_V2: readonly string[] = [...NOT_IN_V2, "freezer", "perf_event"];

/** Whether a v1 hierarchy has a controller that is v2's on a host with v2. */
export function isOfV1(name: HierarchyName): boolean {
  return controllersOf(name).some((controller) => !BESIDE_V2.includes(controller));
}

/**
 * Whether a hierarchy becomes part of v2's. What this host has itself stays as it is, and so does what v2 does not have
 * when it limits something.
 *
 * @param present the host's hierarchies
 */
export function isMerged(
  name: HierarchyName,
  { present, hasLimits }: { readonly present: readonly HierarchyName[]; readonly hasLimits: boolean },
): boolean {
  if (name === UNIFIED) return true;
  const parts = name.split(",");
  if (present.some((other) => other.split(",").some((part) => parts.includes(part)))) return false;
  if (isNamed(name)) return name === "name=systemd";
  return !hasLimits || !parts.every((controller) => NOT_IN_V2.includes(controller));
}

/** Hierarchies by how much their places matter. */
export function inPriority(names: readonly HierarchyName[]): HierarchyName[] {
  const rank = (name: HierarchyName) => {
    const found = PRIORITY.findIndex((part) => name.split(",").includes(part));
    return found === -1 ? PRIORITY.length : found;
  };
  return names.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/**
 * The place that becomes a set's only one.
 *
 * It is the deepest one if all others are above it: then it is below every limit that there was. Else the one in the
 * hierarchy that matters most.
 *
 * @param merged in the order of their priority
 */
export function choosePlace(members: readonly SetMember[], merged: readonly HierarchyName[]): SetMember {
  const inner = merged.flatMap((name) => members.find(({ hierarchy }) => hierarchy === name) ?? [])
    .filter(({ path }) => path !== ROOT_PATH);
  return inner.find(({ path }) => inner.every((other) => isAtOrBelow(path, other.path))) ?? inner[0] ??
    { hierarchy: UNIFIED, path: ROOT_PATH };
}
