import { PAGE_SIZE } from "../../../model/address_space.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** Makes a segment of anonymous shared memory, without content, and opens it. */
export interface SegmentStep extends StepBase {
  readonly kind: "make-segment";
  readonly handle: Handle;
  readonly size: number;
  /** MAP_NORESERVE, and MAP_HUGETLB with its size. */
  readonly flags: number;
}

/** The handle of a segment to map. */
export function planSegment(planner: FilePlanner, segment: number): Handle {
  const { handle, isNew } = planner.handle(`segment ${segment}`);
  if (isNew) planner.early.push(segmentStep(planner, segment, { handle, what: `shared memory ${segment}` }));
  return handle;
}

/** The step that makes a segment. */
export function segmentStep(
  { contents }: Pick<FilePlanner, "contents">,
  segment: number,
  { handle, what }: { readonly handle: Handle; readonly what: string },
): SegmentStep {
  const { size, flags } = contents.segments.get(segment) ?? { size: 0, flags: 0 };
  return { kind: "make-segment", handle, what, size: Math.ceil(size / PAGE_SIZE) * PAGE_SIZE, flags };
}
