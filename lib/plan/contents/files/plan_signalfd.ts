import type { SignalFile } from "../../../model/files/event_files.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** signalfd(2) */
export interface SignalfdStep extends StepBase {
  readonly kind: "make-signalfd";
  readonly handle: Handle;
  readonly flags: number;
  /** Bit N − 1 is signal N. */
  readonly mask: bigint;
}

export function planSignalfd(planner: FilePlanner, { id, flags, mask }: SignalFile): Handle {
  const lines = [`sigmask: ${mask.toString(16).padStart(16, "0")}`];
  const handle = planner.fileHandle(id, { link: "anon_inode:[signalfd]", flags, lines });
  planner.late.push({ kind: "make-signalfd", handle, what: "a signalfd", flags, mask });
  return handle;
}
