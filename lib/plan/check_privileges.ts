import type { Problem } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Plan } from "./plan.ts";

/** What cgrestore may not do here and would have to, to follow `plan`: one problem for each capability that is missing. */
export function checkPrivileges(
  plan: Plan,
  { capabilities }: Pick<Host, "capabilities">,
  options: { readonly hasPreparedYard: boolean },
): Problem[] {
  const needs: readonly (readonly [boolean, readonly string[], string])[] = [
    [
      plan.hierarchies.length > 0 && !options.hasPreparedYard,
      ["CAP_SYS_ADMIN"],
      "to mount cgroup hierarchies, unless --cgroup-yard names a yard",
    ],
    [true, ["CAP_CHECKPOINT_RESTORE", "CAP_SYS_ADMIN"], "to choose the pids of tasks"],
    [plan.newPidNamespace, ["CAP_SYS_ADMIN"], "to make a pid namespace"],
    [plan.joinedPidNamespace !== undefined, ["CAP_SYS_ADMIN"], "to enter a pid namespace"],
    [(plan.contents?.namespaces.kinds.length ?? 0) > 0, ["CAP_SYS_ADMIN"], "to make namespaces"],
    [fillsNets(plan), ["CAP_NET_ADMIN"], "to set up a net namespace"],
    [plan.contents?.namespaces.clockOffsets !== undefined, ["CAP_SYS_TIME"], "to set the clocks of a time namespace"],
    [changesOwners(plan), ["CAP_CHOWN"], "to set the owners of cgroups"],
  ];
  return needs.flatMap(([isNeeded, oneOf, why]) => {
    if (!isNeeded || oneOf.some((name) => capabilities.has(name))) return [];
    return [{ where: "privileges", what: `${oneOf.join(" or ")} is missing, ${why}: run cgrestore as root` }];
  });
}

function fillsNets({ contents }: Plan): boolean {
  return contents?.namespaces.net?.kind === "fill" || contents?.namespaces.nestedNets !== undefined;
}

function changesOwners({ cgroups, properties }: Plan): boolean {
  return [...cgroups, ...properties].some(({ kind }) => kind === "set-permissions");
}
