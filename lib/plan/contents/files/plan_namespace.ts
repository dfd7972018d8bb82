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
  const pid = whose === "tasks" ? file.pid ?? rootOf(planner) : undefined;
  const owner = whose === "dumper" ? "this host" : file.pid === undefined ? "the tasks" : `task ${file.pid}`;
  const what = `the ${of} namespace of ${owner}`;
  // Where tasks join what is there, their namespace may be ours.
  const object = whose === "tasks" ? { object: what } : {};
  const handle = planner.fileHandle(id, { link: `${of}:[`, isPrefix: true, flags, ...object });
  planner.late.push({ kind: "open-namespace", handle, what, of, ...pid === undefined ? {} : { pid }, flags });
  return handle;
}

function rootOf({ contents }: FilePlanner): number | undefined {
  const [root] = contents.tasks.keys();
  return root;
}
