import type { FilesContext } from "../../lib/exec/contents/files/file_calls.ts";
import { LowestDescriptors } from "../../lib/exec/contents/remote.ts";
import { SYSCALLS_X86_64 } from "../../lib/tracee/syscalls_x86_64.ts";

/** For tests of what files are compiled to: a coordinator without files but ours, which begin at 100. */
export function filesContext(): FilesContext {
  return {
    numbers: SYSCALLS_X86_64,
    base: 100,
    nameOf: (id: number) => `task ${id}`,
    ownCapabilities: { permitted: 0n, effective: 0n, bounding: 0n },
    choosesTimerIds: true,
    comparison: { resolve: () => [] },
    lowest: new LowestDescriptors([]),
    scratch: 0,
  };
}
