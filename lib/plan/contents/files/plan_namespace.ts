import type { NamespaceKind } from "../../../model/checkpoint.ts";
import type { NamespaceFile } from "../../../model/files/namespace_file.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** Opens a file of /proc/PID/ns. */
export interface NamespaceStep extends StepBase {
  readonly kind: "open-namespace";
  readonly handle: Handle;
  readonly of: NamespaceKind;
  /** The task whose it is; absent: cgrestore's own. */
  readonly pid?: number;
  readonly flags: number;
}

/** The namespace that CRIU was in stands for that of the host, where cgrestore is. */
export function planNamespace(planner: FilePlanner, file: NamespaceFile, holder: string): Handle | undefined {
  const { id, of, whose, flags } = file;
  if (whose === "others") {
    return planner.refuse(holder, `it is a ${of} namespace that is neither the tasks' own nor the host's`);
  }
  // All of them are in the same ones.
  const [pid] = whose === "tasks" ? planner.contents.tasks.keys() : [];
  const handle = planner.fileHandle(id, { link: `${of}:[`, isPrefix: true, flags });
  const what = `the ${of} namespace of ${pid === undefined ? "this host" : "the tasks"}`;
  planner.late.push({ kind: "open-namespace", handle, what, of, ...pid === undefined ? {} : { pid }, flags });
  return handle;
}
