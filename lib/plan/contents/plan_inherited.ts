import type { AddressSpace, Mapping, Range } from "../../model/address_space.ts";
import { cut } from "../../model/build_pages.ts";
import type { MemoryStep } from "./contents_plan.ts";

/** The memory that a task is born with, its maker's. */
export interface Inherited {
  /** Those of its own mappings that stay; by ascending address. */
  readonly mappings: readonly Mapping[];
  /** The maker's; absent when nothing stays. */
  readonly from?: AddressSpace;
}

/** End of the addresses of tasks (Documentation/arch/x86/x86_64/mm.rst). */
const TASK_END = 2 ** 47 - 4096;

/** Takes away all that a task is born with, but what stays and what is ours. */
export function clearInherited(kept: readonly Range[], ours: Range): MemoryStep[] {
  const ranges = [...kept, ours].sort((a, b) => a.start - b.start);
  const steps: MemoryStep[] = [];
  let start = 0;
  for (const range of [...ranges, { start: TASK_END, end: TASK_END }]) {
    if (range.start > start) steps.push({ kind: "unmap", start, size: range.start - start });
    start = range.end;
  }
  return steps;
}

/** Whether the vdso of the maker is where the task has its own. */
export function inheritsVdso({ from }: Inherited, space: AddressSpace): boolean {
  const [theirs, own] = [from, space].map((one) => one === undefined ? [] : kernelMappings(one));
  return own?.length !== 0 && JSON.stringify(theirs) === JSON.stringify(own);
}

/** The vdso and its data: the kernel maps them, wherever it is told to. */
export function kernelMappings({ mappings }: AddressSpace): Range[] {
  return mappings.filter(({ content }) => content.kind === "vdso" || content.kind === "vvar")
    .map(({ start, end }) => ({ start, end }));
}

/** Makes the pages of what stays those of the task; pages that are equal stay shared with the maker. */
export function planInherited({ mappings, from }: Inherited, { pages }: AddressSpace): MemoryStep[] {
  return mappings.flatMap((mapping) => {
    const { start, end, protection } = mapping;
    const theirs = from?.mappings.find((other) => other.start === start);
    if (from === undefined || theirs === undefined) return [];
    return [{
      kind: "inherit",
      start,
      size: end - start,
      protection,
      inheritedProtection: theirs.protection,
      pages: cut(pages, start, end),
      inheritedPages: cut(from.pages, start, end),
    }];
  });
}
