import type { EventFile } from "../../../model/files/event_files.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

export interface EventfdStep extends StepBase {
  readonly kind: "make-eventfd";
  readonly handle: Handle;
  readonly flags: number;
  readonly counter: bigint;
}

export function planEventfd(planner: FilePlanner, { id, flags, counter }: EventFile): Handle {
  const handle = planner.fileHandle(id, {
    link: "anon_inode:[eventfd]",
    flags,
    lines: [`eventfd-count: ${counter.toString(16)}`],
  });
  planner.late.push({ kind: "make-eventfd", handle, what: "an eventfd", flags, counter });
  return handle;
}
