import type { NetNamespace } from "../../../model/namespaces.ts";
import type { NestedNet, NestedNets } from "./net_plan.ts";
import { planEntries } from "./plan_entries.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";
import { planNestedNet } from "./plan_net.ts";

/**
 * Plans the net namespaces that are not the root task's, and how tasks get into theirs.
 *
 * @param nets from number 1 on
 */
export function planNestedNets(
  nets: readonly NetNamespace[],
  questions: NamespaceQuestions & { readonly entersLate: boolean },
): NestedNets {
  const { contents: { netNamespaces: homes = new Map<number, number>() }, held: { tasks }, handle } = questions;
  const namespaces = [undefined, ...nets].map((contents, number): NestedNet => {
    const net = contents === undefined ? undefined : planNestedNet(contents, { ...questions, number });
    return {
      handle: handle(`net namespace ${number}`),
      ...net === undefined ? {} : { net },
      // The images have those only that some task was in.
      witness: tasks.keys().find((pid) => (homes.get(pid) ?? 0) === number) ?? 0,
    };
  });
  return { namespaces, homes, entries: planEntries(homes, questions) };
}
