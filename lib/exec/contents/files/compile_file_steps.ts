import type { FileStep } from "../../../plan/contents/file_step.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { compileFileStep } from "./compile_file_step.ts";
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
  for (const group of groupSteps(context, steps)) {
    const performance = compilePerformance(context, group, hostPid);
    if (performance === undefined) {
      calls.push(...group.flatMap((step) => compileFileStep(context, step)));
      continue;
    }
    const { pid, first, coordinator, last } = performance;
    turns.push({ calls }, { pid, calls: first });
    calls = [...coordinator];
    if (last.length === 0) continue;
    turns.push({ calls }, { pid, calls: last });
    calls = [];
  }
  return [...turns, { calls }];
}
