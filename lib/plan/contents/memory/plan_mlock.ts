import { type AddressSpace, type Mapping, PAGE_SIZE, type PageRun } from "../../../model/address_space.ts";
import { cut } from "../../../model/build_pages.ts";

/** mlock2(2) */
export interface MlockStep {
  readonly kind: "lock";
  readonly start: number;
  readonly size: number;
  /** Pages are locked as they come, none is made. */
  readonly onFault: boolean;
}

const PROT_WRITE = 2;
const MAP_LOCKED = 0x2000;

/** When a mapping is locked. */
export type MlockTime =
  /** Locked memory in which nothing can be read has to be so from the beginning: mlock(2) fails there. */
  | "when-mapped"
  /** As long as it can be written to. */
  | "when-filled"
  /** When it has its protection, pages and guards: so that no page is made that was not there. */
  | "at-last"
  | "never";

/** When a mapping is locked, if it is; `hasPages` tells whether the image has pages for it. */
export function mlockTime({ flags, protection }: Mapping, hasPages: boolean): MlockTime {
  if ((flags & MAP_LOCKED) === 0) return "never";
  if (protection !== 0) return "at-last";
  return hasPages ? "when-filled" : "when-mapped";
}

/** What the locking of a mapping depends on. */
export interface MlockContext {
  readonly space: AddressSpace;
  /** Pages of the mapping's memory, with offsets as addresses, where that is shared; else absent. */
  readonly shared: readonly PageRun[] | undefined;
  /** Bytes of the file that is mapped, where there is one. */
  readonly fileSize: number | undefined;
}

/**
 * Locks a mapping. The image does not tell whether pages were to be made (mlock(2)) or are locked as they come
 * (MLOCK_ONFAULT): that is seen from the pages that are missing.
 */
export function planMlock(mapping: Mapping, context: MlockContext): MlockStep {
  const { start, end } = mapping;
  return { kind: "lock", start, size: end - start, onFault: hasHoles(mapping, context) };
}

function hasHoles(mapping: Mapping, { space, shared, fileSize }: MlockContext): boolean {
  const { start, end, content, protection } = mapping;
  if (space.guards.some((guard) => guard.start < end && guard.end > start)) return true;
  const size = end - start;
  if (shared !== undefined) {
    const offset = "offset" in content ? content.offset : 0;
    return sizeOf(cut(shared, offset, offset + size)) < size;
  }
  const isShared = content.kind === "file" && content.isShared;
  // The kernel makes pages of private memory where it may be written, as what is closed in the end is before.
  if (!isShared && ((protection & PROT_WRITE) !== 0 || protection === 0)) {
    return sizeOf(cut(space.pages, start, end)) < size;
  }
  if (content.kind !== "file" || fileSize === undefined) return false;
  // There is nothing behind the end of a file.
  return content.offset + size > Math.ceil(fileSize / PAGE_SIZE) * PAGE_SIZE;
}

function sizeOf(runs: readonly PageRun[]): number {
  return runs.reduce((sum, { count }) => sum + count * PAGE_SIZE, 0);
}
