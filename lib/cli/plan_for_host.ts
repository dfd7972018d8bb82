import type { Yard } from "../exec/yard.ts";
import { describeCgroups } from "../host/describe_cgroups.ts";
import { describeHierarchies, describeHost } from "../host/describe_host.ts";
import type { Hierarchy, Host } from "../host/host.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { hostQuestions } from "../plan/host_questions.ts";
import type { Plan, PlanOptions } from "../plan/plan.ts";
import { planRestore } from "../plan/plan_restore.ts";
import type { Sys } from "../sys/sys.ts";

/**
 * Describes this host as far as the checkpoint is concerned, and plans the restore on it. Needs no privilege.
 *
 * @throws {PlanError} with every reason why it cannot be done
 */
export function planForHost(
  sys: Sys,
  checkpoint: Checkpoint,
  options: PlanOptions,
): { readonly plan: Plan; readonly host: Host } {
  const host = describeHost(sys, hostQuestions(checkpoint, describeHierarchies(sys), options));
  return { host, plan: planRestore(checkpoint, host, options) };
}

/** A plan, what it was made from, and the yard that was opened for it. */
export interface YardView {
  readonly checkpoint: Checkpoint;
  readonly host: Host;
  readonly plan: Plan;
  readonly yard: Yard;
}

/** Plans once more where hierarchies that are mounted nowhere can now be looked into; else returns the plan as it is. */
export function planWithYard(sys: Sys, view: YardView, options: PlanOptions): Plan {
  const { checkpoint, host, plan, yard } = view;
  const opened = new Map(plan.hierarchies.filter(({ isNew }) => !isNew).map((step) => [step.hierarchy, step]));
  const isHidden = ({ name, mount }: Hierarchy) => mount === undefined && opened.has(name);
  if (!host.hierarchies.some(isHidden)) return plan;
  const questions = hostQuestions(checkpoint, host.hierarchies, options);
  const hierarchies = host.hierarchies.map((hierarchy) => {
    if (!isHidden(hierarchy)) return hierarchy;
    const paths = ["/", ...questions.cgroups.get(hierarchy.name) ?? []];
    return { ...hierarchy, cgroups: describeCgroups(sys, yard.root(hierarchy.name), hierarchy, paths) };
  });
  return planRestore(checkpoint, { ...host, hierarchies }, options);
}
