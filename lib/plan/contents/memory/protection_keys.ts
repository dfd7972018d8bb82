import type { Host } from "../../../host/host.ts";
import type { Mapping } from "../../../model/address_space.ts";
import type { Contents } from "../../../model/contents.ts";

/**
 * The component of XSAVE's area with the rights that keys of memory give (XFEATURE_PKRU, asm/fpu/types.h): no thread has
 * it in its first state. The keys themselves are not in the images, so it says nothing where there are none.
 */
export const PROTECTION_KEYS = 9;

const PROT_EXEC = 4;

/** Whether the processor of the dump had protection keys. */
export function hadKeys({ threads }: Pick<Contents, "threads">, pid: number): boolean {
  return threads.get(pid)?.registers.floating?.components.has(PROTECTION_KEYS) === true;
}

/** Whether memory may only be run: of such memory, the kernel has keys say that it cannot be read (pkeys(7)). */
export function isRunOnly({ protection }: Pick<Mapping, "protection">): boolean {
  return protection === PROT_EXEC;
}

/** Tells of memory that could not be read at the dump, and can be here. */
export function notesOnKeys(
  contents: Pick<Contents, "tasks" | "threads">,
  { components }: Pick<Host, "components">,
): string[] {
  if (components.has(PROTECTION_KEYS)) return [];
  return [...contents.tasks].flatMap(([pid, { memory }]) => (
    hadKeys(contents, pid) && memory.mappings.some(isRunOnly)
      ? [`task ${pid}: memory that may only be run can be read here: this processor has no protection keys`]
      : []
  ));
}
