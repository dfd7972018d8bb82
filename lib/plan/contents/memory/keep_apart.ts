import { type AddressSpace, type Mapping, PAGE_SIZE } from "../../../model/address_space.ts";
import { hasRun } from "../../../model/build_pages.ts";
import type { MemoryStep } from "../contents_plan.ts";

const PROT_WRITE = 2;
const MAP_DROPPABLE = 0x08;
const MAP_HUGETLB = 0x4_0000;
/** Flags with which mappings stay apart, or cannot be made different. */
const NEVER_ONE = MAP_DROPPABLE | MAP_HUGETLB;
const MADV_DONTNEED = 4;
const MADV_DONTDUMP = 16;
const MADV_DODUMP = 17;
const MADV_POPULATE_WRITE = 23;

/** What keeping mappings apart has to know. */
export interface ApartContext {
  readonly space: AddressSpace;
  /** The steps that map one. */
  readonly map: (mapping: Mapping) => readonly MemoryStep[];
  /** Whether pages of a mapping can be written when it has just been mapped. */
  readonly isWritable: (mapping: Mapping) => boolean;
  /** Whether the kernel knows MADV_POPULATE_WRITE. */
  readonly canPopulate: boolean;
}

/**
 * Maps memory, by ascending address. The kernel makes one mapping of neighbours that are alike; those that it had not,
 * because each has had pages before it became the other's neighbour, it shall leave apart again. So the first one is
 * made different for a while, in which both get a page: each then has an origin of pages of its own (`struct anon_vma`).
 */
export function mapApart(mappings: readonly Mapping[], context: ApartContext): MemoryStep[] {
  const touched = new Set<Mapping>();
  const steps: MemoryStep[] = [];
  for (const [index, mapping] of mappings.entries()) {
    const before = mappings[index - 1];
    if (before === undefined || !context.canPopulate || !areTwins(before, mapping, context)) {
      steps.push(...context.map(mapping));
      continue;
    }
    const touch = (one: Mapping) => touched.has(one) ? [] : [advise(one, MADV_POPULATE_WRITE, PAGE_SIZE)];
    steps.push(...touch(before), advise(before, MADV_DONTDUMP), ...context.map(mapping), ...touch(mapping));
    steps.push(advise(before, MADV_DODUMP));
    touched.add(before).add(mapping);
  }
  return [...steps, ...[...touched].flatMap((mapping) => forget(mapping, context))];
}

/** Whether the kernel would make one mapping of two neighbours, and both can get pages. */
function areTwins(one: Mapping, next: Mapping, { isWritable }: ApartContext): boolean {
  if ((one.flags & NEVER_ONE) !== 0) return false;
  return one.end === next.start && one.protection === next.protection && one.flags === next.flags &&
    one.advice.join() === next.advice.join() && continues(one, next) && isWritable(one) && isWritable(next);
}

function continues({ start, end, content: one }: Mapping, { content: next }: Mapping): boolean {
  if (one.kind === "anonymous") return next.kind === "anonymous";
  return one.kind === "file" && next.kind === "file" && !one.isShared && !next.isShared && one.file === next.file &&
    one.openFlags === next.openFlags && one.offset + end - start === next.offset;
}

function advise({ start, end }: Mapping, advice: number, size = end - start): MemoryStep {
  return { kind: "advise", start, size, advice };
}

/** Takes away the page that was made, unless one is read there. */
function forget(mapping: Mapping, { space }: ApartContext): MemoryStep[] {
  const isRead = hasRun(space.pages, mapping.start, mapping.start + PAGE_SIZE);
  return isRead ? [] : [advise(mapping, MADV_DONTNEED, PAGE_SIZE)];
}

/** Whether a mapping may be written, in the end or while it is filled. */
export function isWritable({ protection }: Mapping, isFilled: boolean): boolean {
  return (protection & PROT_WRITE) !== 0 || isFilled;
}
