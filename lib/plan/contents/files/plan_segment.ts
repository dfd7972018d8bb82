import { PAGE_SIZE } from "../../../model/address_space.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** Makes a segment of anonymous shared memory, without content, and opens it. */
export interface SegmentStep extends StepBase {
  readonly kind: "make-segment";
  readonly handle: Handle;
  readonly size: number;
}

/** The handle of a segment to map. */
export function planSegment(planner: FilePlanner, segment: number): Handle {
  const { handle, isNew } = planner.handle(`segment ${segment}`);
  const size = Math.ceil((planner.contents.segments.get(segment)?.size ?? 0) / PAGE_SIZE) * PAGE_SIZE;
  if (isNew) planner.early.push({ kind: "make-segment", handle, what: `shared memory ${segment}`, size });
  return handle;
}
