import type { Problem } from "../errors.ts";
import type { PagemapEntry } from "../gen/pagemap.ts";
import type { Pagemap } from "../image/content_images.ts";
import { PAGE_SIZE, type PageRun } from "./address_space.ts";

/** Flags of a pagemap entry (criu/include/pagemap.h). */
const IN_PARENT = 1;
const LAZY = 2;
const PRESENT = 4;

/** Most pages of one address space: 2⁴⁷ bytes. */
const MAX_PAGES = 2 ** 35;

/**
 * Where the pages of a pagemap are, through all parent checkpoints, by ascending address. Pages that nobody has are
 * problems.
 */
export function buildPages(pagemap: Pagemap, problems: Problem[]): PageRun[] {
  const runs: PageRun[] = [];
  let offset = 0;
  let end = 0;
  let inherited: readonly PageRun[] | undefined;
  for (const [index, entry] of pagemap.entries.entries()) {
    const count = entry.nrPages ?? entry.compatNrPages;
    const address = entry.vaddr;
    const where = `${pagemap.name}, entry ${index + 1}`;
    const what = entryProblem(entry, count, end);
    if (what !== undefined) {
      problems.push({ where, what });
      return runs;
    }
    end = address + count * PAGE_SIZE;
    if (isPresent(entry)) {
      append(runs, { address, count, file: pagemap.pagesFile, offset });
      offset += count * PAGE_SIZE;
      if (offset > pagemap.pagesSize) {
        const name = pagemap.pagesFile.slice(pagemap.pagesFile.lastIndexOf("/") + 1);
        problems.push({ where, what: `its pages end at byte ${offset} of ${name}, which has ${pagemap.pagesSize}` });
        return runs;
      }
    } else if (isInParent(entry)) {
      inherited ??= pagemap.parent === undefined ? [] : buildPages(pagemap.parent, problems);
      const found = cut(inherited, address, end);
      const missing = count - found.reduce((sum, run) => sum + run.count, 0);
      if (missing > 0) problems.push({ where, what: `${missing} of its pages are in no parent checkpoint` });
      for (const run of found) append(runs, run);
    }
  }
  return runs;
}

function entryProblem(entry: PagemapEntry, count: number, end: number): string | undefined {
  const { vaddr, flags = 0 } = entry;
  if (vaddr % PAGE_SIZE !== 0) return `its address 0x${vaddr.toString(16)} is not that of a page`;
  if (count > MAX_PAGES) return `it has ${count} pages, which is more than there can be`;
  if (vaddr < end) return `its address 0x${vaddr.toString(16)} is within or before the entry before it`;
  if ((flags & LAZY) !== 0 && (flags & PRESENT) === 0) return "its pages are on a page server (lazy pages)";
  return undefined;
}

/** Old dumps have no flags. */
function isPresent(entry: PagemapEntry): boolean {
  return entry.flags === undefined ? entry.inParent !== true : (entry.flags & PRESENT) !== 0;
}

function isInParent(entry: PagemapEntry): boolean {
  return entry.inParent === true || ((entry.flags ?? 0) & IN_PARENT) !== 0;
}

/** Adds a run, as part of the one before where it follows that in memory and in the file. */
function append(runs: PageRun[], run: PageRun): void {
  const last = runs.at(-1);
  const follows = last !== undefined && last.file === run.file &&
    last.address + last.count * PAGE_SIZE === run.address && last.offset + last.count * PAGE_SIZE === run.offset;
  if (follows) runs[runs.length - 1] = { ...last, count: last.count + run.count };
  else runs.push(run);
}

/** The parts of ascending runs that lie between two addresses. */
export function cut(runs: readonly PageRun[], start: number, end: number): PageRun[] {
  const found: PageRun[] = [];
  for (let index = firstBeyond(runs, start); index < runs.length; index++) {
    const run = runs[index];
    if (run === undefined || run.address >= end) break;
    const from = Math.max(start, run.address);
    const to = Math.min(end, run.address + run.count * PAGE_SIZE);
    const offset = run.offset + from - run.address;
    found.push({ file: run.file, offset, address: from, count: (to - from) / PAGE_SIZE });
  }
  return found;
}

/** Whether some page of ascending runs lies between two addresses. */
export function hasRun(runs: readonly PageRun[], start: number, end: number): boolean {
  const first = runs[firstBeyond(runs, start)];
  return first !== undefined && first.address < end;
}

/** Index of the first run that ends behind `address`. */
function firstBeyond(runs: readonly PageRun[], address: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const run = runs[middle];
    if (run !== undefined && run.address + run.count * PAGE_SIZE <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
