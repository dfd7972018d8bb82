import type { Handle } from "./contents_plan.ts";
import type { FilePlanner } from "./file_planner.ts";
import { memoryLink, planMemoryUse } from "./files/plan_memory_file.ts";
import { expectedUse, planPathUse } from "./files/plan_path.ts";
import { planFile } from "./plan_file.ts";

/**
 * The handle of a file to map, opened as the mapping needs it; `undefined`, with the problem told, for what cannot be
 * mapped.
 *
 * @param holder who maps it, for problems: `task 77, memory 7f00-7f01`
 */
export function planMappedFile(
  planner: FilePlanner,
  { file: id, openFlags }: { readonly file: number; readonly openFlags: number },
  holder: string,
): Handle | undefined {
  const file = planner.contents.files.get(id);
  switch (file?.kind) {
    case undefined:
      // That has been told when the checkpoint was read.
      return undefined;
    case "path":
      return planPathUse(planner, file, { openFlags, holder });
    case "packet":
      return planFile(planner, id, holder);
    case "memfd":
      return planMemoryUse(planner, file, openFlags);
    default:
      return planner.refuse(holder, `a mapping of a file of kind ${file?.kind} cannot be restored`);
  }
}

/** What /proc says of a file that is mapped, run or worked in; `undefined` where that is not known beforehand. */
export function mappedName(planner: FilePlanner, id: number): string | undefined {
  const file = planner.contents.files.get(id);
  switch (file?.kind) {
    case "path": {
      const { link, isPrefix = false } = expectedUse(planner, file);
      return isPrefix ? undefined : link;
    }
    case "memfd":
      return memoryLink(planner, file);
    default:
      return undefined;
  }
}
