import type { Hierarchy } from "../host/host.ts";
import { type HierarchyName, isNamed, UNIFIED } from "../model/hierarchy.ts";
import type { HierarchyMapping } from "./map_hierarchies.ts";
import type { CgroupStep, OpenHierarchy } from "./plan.ts";

/** The hierarchies that a plan has to open: some set's place in it is not cgrestore's own, or a step changes it. */
export function usedHierarchies(mapping: HierarchyMapping, steps: Iterable<CgroupStep>): Set<HierarchyName> {
  const own = new Map(mapping.hierarchies.map(({ name, ownPath }) => [name, ownPath]));
  const used = new Set<HierarchyName>();
  for (const places of [...mapping.places.values(), ...mapping.namespaceRoots.values()]) {
    for (const [name, path] of places) if (own.get(name) !== path) used.add(name);
  }
  for (const step of steps) used.add(step.hierarchy);
  return used;
}

/**
 * How each hierarchy in `used` is opened, sorted by name.
 *
 * The host's own mount is cloned where there is a writable one, which cannot change anything for others. Else it is
 * mounted with exactly what its superblock has: a v1 hierarchy can be mounted with no other controllers (EBUSY), and
 * other options would reconfigure cgroup v2 for the whole host.
 */
export function planYard(
  mapping: Pick<HierarchyMapping, "hierarchies" | "newHierarchies">,
  used: ReadonlySet<HierarchyName>,
): OpenHierarchy[] {
  return mapping.hierarchies.filter(({ name }) => used.has(name)).map((hierarchy) => {
    const { name, mount } = hierarchy;
    const kind = "open-hierarchy";
    if (mount !== undefined && !mount.readOnly) {
      return { kind, hierarchy: name, method: "bind", source: mount.mountPoint, options: "", isNew: false };
    }
    const source = name === UNIFIED ? "cgroup2" : "cgroup";
    const isNew = mapping.newHierarchies.has(name);
    return { kind, hierarchy: name, method: "mount", source, options: mountOptions(hierarchy), isNew };
  });
}

function mountOptions({ name, mount, superOptions }: Hierarchy): string {
  if (name === UNIFIED) return (mount?.superOptions ?? superOptions ?? []).join(",");
  return isNamed(name) ? `none,${name}` : name;
}
