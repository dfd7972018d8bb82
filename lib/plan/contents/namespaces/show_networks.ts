import type { MountsPlan, MountStep } from "./mounts_plan.ts";
import type { NestedNets } from "./net_plan.ts";

/** What shows the devices of the net namespace that it was mounted from (`kobj_ns_current_may_mount`, lib/kobject.c). */
const SYSFS = "sysfs";

/**
 * Has each new sysfs show the net namespace of who sees all mounts of its own namespace. Images do not tell which one it
 * showed; where several mounts did the same, they are one file system, so that the others are parts of the first.
 */
export function showNetworks(plan: MountsPlan, { homes }: Pick<NestedNets, "homes">): MountsPlan {
  const { nested, steps } = plan;
  if (nested === undefined) return plan;
  const networkOf = ({ namespace }: MountStep) => homes.get(nested.namespaces[namespace]?.witness ?? 0) ?? 0;
  return {
    ...plan,
    steps: steps.map((step) => {
      const { source } = step;
      const network = networkOf(step);
      const isNested = source.kind === "new" && source.type === SYSFS && network > 0;
      return isNested ? { ...step, source: { ...source, network } } : step;
    }),
  };
}
