import type { MemoryQuestions } from "../../../host/host.ts";
import { PAGE_SIZE, type PageRun } from "../../../model/address_space.ts";
import { cut } from "../../../model/build_pages.ts";
import type { Checkpoint } from "../../../model/checkpoint.ts";
import { hugePageSize } from "./huge_pages.ts";

const MADV_MERGEABLE = 12;
const MADV_HUGEPAGE = 14;
const MADV_NOHUGEPAGE = 15;

/** What has to be known of the host for the memory of the tasks. */
export function memoryQuestions({ contents }: Pick<Checkpoint, "contents">): MemoryQuestions {
  const sizes = new Set<number>();
  const advice = new Set<number>();
  const kinds = new Set<string>();
  const pages = new Map<string, PageRun[]>();
  for (const [pid, { memory }] of contents?.tasks ?? []) {
    for (const mapping of memory.mappings) {
      for (const number of mapping.advice) advice.add(number);
      addSize(sizes, mapping.flags);
      const { start, end, content } = mapping;
      if (content.kind === "vdso") pages.set(vdsoKey(pid), cut(memory.pages, start, end));
      if (content.kind === "ring") pages.set(ringKey(pid, start), cut(memory.pages, start, start + PAGE_SIZE));
      kinds.add(content.kind);
    }
  }
  for (const { flags } of contents?.segments.values() ?? []) addSize(sizes, flags);
  return {
    hugePages: [...sizes].sort((a, b) => a - b),
    transparentPages: advice.has(MADV_HUGEPAGE) || advice.has(MADV_NOHUGEPAGE),
    mergedPages: advice.has(MADV_MERGEABLE),
    vdso: kinds.has("vdso") || kinds.has("vvar"),
    compat: [...contents?.threads.values() ?? []].some(({ registers }) => registers.isCompat),
    processors: kinds.has("ring"),
    pages,
  };
}

/** How the pages of a task's vdso are known. */
export function vdsoKey(pid: number): string {
  return `vdso of task ${pid}`;
}

/** How the beginning of a ring of events is known. */
export function ringKey(pid: number, address: number): string {
  return `ring ${address.toString(16)} of task ${pid}`;
}

function addSize(sizes: Set<number>, flags: number): void {
  const size = hugePageSize(flags);
  // 0 is the default, whatever that is.
  if (size !== undefined && size > 0) sizes.add(size);
}
