import type { Mount } from "../../../model/mounts.ts";
import type { MountsPlan } from "./mounts_plan.ts";

/** linux/mount.h */
export const MS_RDONLY = 1;

/**
 * Lets files be made in `mounts` before these become read-only. File systems that are read-only themselves have no
 * files without names (s_remove_count of fs/namespace.c).
 */
export function delayReadOnly(
  plan: MountsPlan,
  mounts: readonly Pick<Mount, "mountPoint" | "namespace">[],
): MountsPlan {
  // Of those at one place, the last covers the others.
  const used = new Set(mounts.map(({ mountPoint, namespace }) => (
    plan.steps.findLastIndex((step) => step.mountPoint === mountPoint && step.namespace === namespace)
  )));
  const steps = plan.steps.map((step, index) => (
    used.has(index) && (step.flags & MS_RDONLY) !== 0 ? { ...step, becomesReadOnly: true } : step
  ));
  return { ...plan, steps };
}
