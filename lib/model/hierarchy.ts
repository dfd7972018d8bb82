/**
 * How a cgroup hierarchy is named, everywhere in this project: the middle field of its line in `/proc/PID/cgroup`
 * (cgroups(7)): `"cpu,cpuacct"`, `"name=systemd"`, and `""` for cgroup v2. CRIU's images use the same form.
 */
export type HierarchyName = string;

/** The name of the cgroup v2 hierarchy. */
export const UNIFIED: HierarchyName = "";

/** Whether `name` is a v1 hierarchy without controllers, made with `mount -o none,name=…`. */
export function isNamed(name: HierarchyName): boolean {
  return name.startsWith("name=");
}

/** The controllers of a v1 hierarchy, sorted; none for v2 and for named hierarchies. */
export function controllersOf(name: HierarchyName): readonly string[] {
  return name === UNIFIED || isNamed(name) ? [] : name.split(",").sort();
}

/** How a hierarchy is called in texts for people: `cgroup2` for v2, else its name. */
export function describeHierarchy(name: HierarchyName): string {
  return name === UNIFIED ? "cgroup2" : name;
}
