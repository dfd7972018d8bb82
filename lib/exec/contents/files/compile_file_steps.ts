import type { FileStep } from "../../../plan/contents/file_step.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { compileFileStep } from "./compile_file_step.ts";
import { enterMounts } from "../namespaces/make_mounts.ts";
import { enterNet } from "../namespaces/nested_nets.ts";
import type { FilesContext } from "./file_calls.ts";
import { compilePerformance, groupSteps } from "./unix/perform.ts";

/** Calls that are made in one go. */
export interface Turn {
  /** Pid of the task that makes them; absent: the coordinator does. */
  readonly pid?: number;
  readonly calls: readonly RemoteCall[];
}

/**
 * Who makes which calls, one after the other, so that all steps are done.
 *
 * @param hostPid the pid by which the coordinator knows a task
 */
export function compileFileSteps(
  context: FilesContext,
  steps: readonly FileStep[],
  hostPid: (pid: number) => number,
): Turn[] {
  const turns: Turn[] = [];
  let calls: RemoteCall[] = [];
  // The coordinator is in those of the root task.
  let [mountNamespace, network] = [0, 0];
  const enter = (step: Pick<FileStep, "mountNamespace" | "network">) => {
    const before = [mountNamespace, network];
    [mountNamespace, network] = [step.mountNamespace ?? 0, step.network ?? 0];
    if (mountNamespace !== before[0]) {
      calls.push(...enterMounts(context, context.mountNamespaces[mountNamespace] ?? -1));
    }
    if (network !== before[1]) calls.push(enterNet(context, context.netNamespaces[network] ?? -1));
  };
  for (const group of groupSteps(context, steps)) {
    const performance = compilePerformance(context, group, hostPid);
    if (performance === undefined) {
      enter(group[0]);
      calls.push(...group.flatMap((step) => compileHere(context, step)));
      continue;
    }
    const { pid, first, coordinator, last } = performance;
    turns.push({ calls }, { pid, calls: first });
    calls = [...coordinator];
    if (last.length === 0) continue;
    turns.push({ calls }, { pid, calls: last });
    calls = [];
  }
  enter({});
  return [...turns, { calls }];
}

/** The names that a step makes are of its mount namespace. */
function compileHere(context: FilesContext, step: FileStep): RemoteCall[] {
  const calls = compileFileStep(context, step);
  const { mountNamespace } = step;
  if (mountNamespace === undefined) return calls;
  return calls.map((call) => (
    call.effect === undefined ? call : { ...call, effect: { ...call.effect, mountNamespace } }
  ));
}
