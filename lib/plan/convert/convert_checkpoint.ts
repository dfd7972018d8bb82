import type { Problem } from "../../errors.ts";
import type { Hierarchy } from "../../host/host.ts";
import type { Checkpoint } from "../../model/checkpoint.ts";
import { UNIFIED } from "../../model/hierarchy.ts";
import type { PlanOptions } from "../plan.ts";
import { convertToV1 } from "./convert_to_v1.ts";
import { convertToV2 } from "./convert_to_v2.ts";
import { isOfV1 } from "./merge_places.ts";

/** A checkpoint as it would be if it were from a host with this one's version of cgroups. */
export interface Conversion {
  readonly checkpoint: Checkpoint;
  readonly notes: readonly string[];
  /** What is not as it was, to be told before anything is done. */
  readonly losses: readonly Problem[];
}

/** Converts a checkpoint for a host with another version of cgroups; any other is left as it is. */
export function convertCheckpoint(
  checkpoint: Checkpoint,
  hierarchies: readonly Hierarchy[],
  { mode, roots }: Pick<PlanOptions, "mode" | "roots">,
): Conversion {
  const present = hierarchies.map(({ name }) => name);
  const [hasV1, hasV2] = [present.some(isOfV1), hierarchies.some(({ name, mount }) => name === UNIFIED && mount)];
  const isMoved = roots.length > 0;
  if (mode !== "ignore" && hasV1 !== hasV2) {
    const converted = hasV1
      ? convertToV1(checkpoint, { present, isMoved })
      : convertToV2(checkpoint, { present, isMoved });
    if (converted !== undefined) return converted;
  }
  return { checkpoint, notes: [], losses: [] };
}
