import type { Problem } from "../../../errors.ts";
import type { HostMemory } from "../../../host/host.ts";
import { type Mapping, PAGE_SIZE, type PageRun } from "../../../model/address_space.ts";
import { cut } from "../../../model/build_pages.ts";
import type { Contents } from "../../../model/contents.ts";
import type { TaskState } from "../../../model/task_state.ts";

const MAP_NORESERVE = 0x4000;
const MAP_HUGETLB = 0x4_0000;
const MAP_HUGE_SHIFT = 26;
const MAP_HUGE_MASK = 0x3f;
const MIB = 2 ** 20;

/** Size in bytes of the huge pages that flags of mmap(2) ask for; `undefined` when they do not, 0 for the default. */
export function hugePageSize(flags: number): number | undefined {
  if ((flags & MAP_HUGETLB) === 0) return undefined;
  const shift = flags >>> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
  return shift === 0 ? 0 : 2 ** shift;
}

/** The parts of contents that may have huge pages. */
export interface HugePageUsers extends Pick<Contents, "segments"> {
  readonly tasks: ReadonlyMap<number, Pick<TaskState, "memory">>;
}

/** Tells of huge pages that cannot be had here. */
export function checkHugePages(
  contents: HugePageUsers,
  host: Pick<HostMemory, "hugePages">,
  problems: Problem[],
): void {
  for (const [size, count] of countHugePages(contents)) {
    const available = host.hugePages.get(size);
    const name = `huge pages of ${size / MIB} MiB`;
    if (available === undefined) problems.push({ where: "memory", what: `this kernel has no ${name}` });
    else if (available < count) {
      const what = `${count} ${name} are needed, and ${available} can be had here: see vm.nr_hugepages`;
      problems.push({ where: "memory", what });
    }
  }
}

/** How many huge pages of each size the tasks need at least. */
function countHugePages({ tasks, segments }: HugePageUsers): Map<number, number> {
  const counts = new Map<number, number>();
  const count = (flags: number, range: { start: number; end: number }, pages: readonly PageRun[]) => {
    const size = hugePageSize(flags);
    if (size === undefined || size === 0) return;
    const needed = (flags & MAP_NORESERVE) === 0 ? Math.ceil((range.end - range.start) / size) : touched(pages, size);
    counts.set(size, (counts.get(size) ?? 0) + needed);
  };
  for (const { memory } of tasks.values()) {
    for (const mapping of memory.mappings) {
      if (isPrivate(mapping)) count(mapping.flags, mapping, cut(memory.pages, mapping.start, mapping.end));
    }
  }
  for (const { flags, size, pages } of segments.values()) count(flags, { start: 0, end: size }, pages);
  return counts;
}

function isPrivate({ content }: Mapping): boolean {
  return content.kind === "anonymous" || content.kind === "file" && !content.isShared;
}

/** How many huge pages have something in them. */
function touched(runs: readonly PageRun[], size: number): number {
  const pages = new Set<number>();
  for (const { address, count } of runs) {
    const last = Math.floor((address + (count - 1) * PAGE_SIZE) / size);
    for (let page = Math.floor(address / size); page <= last; page++) pages.add(page);
  }
  return pages.size;
}
