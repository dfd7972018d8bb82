import type { EventFile } from "../../../model/files/event_files.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** eventfd(2) */
export interface EventfdStep extends StepBase {
  readonly kind: "make-eventfd";
  readonly handle: Handle;
  readonly flags: number;
  readonly counter: bigint;
}

/** Only the kernel itself counts as far (eventfd(2)). */
const OVERFLOW = 2n ** 64n - 1n;

/** Whether it is a semaphore (EFD_SEMAPHORE) is not in the images: CRIU loses that at the dump. */
export function planEventfd(planner: FilePlanner, file: EventFile, holder: string): Handle | undefined {
  const { id, flags, counter } = file;
  if (counter === OVERFLOW) return planner.refuse(holder, "an eventfd that has overflowed cannot be restored");
  const lines = [`eventfd-count: ${counter.toString(16)}`];
  const handle = planner.fileHandle(id, { link: "anon_inode:[eventfd]", flags, lines });
  planner.late.push({ kind: "make-eventfd", handle, what: "an eventfd", flags, counter });
  return handle;
}
