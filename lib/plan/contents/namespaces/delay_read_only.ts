import type { MountPlaces } from "./mount_places.ts";
import type { MountsPlan } from "./mounts_plan.ts";

/** linux/mount.h */
export const MS_RDONLY = 1;

/**
 * Lets files be made at `paths` before the mounts that these are in become read-only. File systems that are read-only
 * themselves have no files without names (s_remove_count of fs/namespace.c).
 */
export function delayReadOnly(plan: MountsPlan, places: MountPlaces, paths: readonly string[]): MountsPlan {
  const used = new Set(paths.map((path) => {
    const mountPoint = places.mountAt(path)?.mountPoint;
    // Of those at one place, the last covers the others.
    return plan.steps.findLastIndex((step) => step.mountPoint === mountPoint);
  }));
  const steps = plan.steps.map((step, index) => (
    used.has(index) && (step.flags & MS_RDONLY) !== 0 ? { ...step, becomesReadOnly: true } : step
  ));
  return { ...plan, steps };
}
