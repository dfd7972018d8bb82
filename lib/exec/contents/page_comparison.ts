import { PAGE_SIZE, type PageRun } from "../../model/address_space.ts";
import { cut } from "../../model/build_pages.ts";
import type { InheritStep, MemoryStep } from "../../plan/contents/contents_plan.ts";
import { planFills } from "../../plan/contents/plan_memory.ts";
import { O_RDONLY } from "../../sys/constants.ts";
import { forEachAlways } from "../../for_each_always.ts";
import type { Sys } from "../../sys/sys.ts";

const PROT_WRITE = 2;
const MADV_DONTNEED = 4;
/** Pages that are read and compared at once. */
const CHUNK = 256;

/** A step that says all that is to be done. */
export type ResolvedStep = Exclude<MemoryStep, InheritStep>;

/** Finds out which pages of tasks are equal to their makers', by reading them from the images. */
export class PageComparison {
  readonly #sys: Sys;
  readonly #files = new Map<string, number>();
  readonly #own = new Uint8Array(new ArrayBuffer(CHUNK * PAGE_SIZE));
  readonly #inherited = new Uint8Array(new ArrayBuffer(CHUNK * PAGE_SIZE));

  constructor(sys: Sys) {
    this.#sys = sys;
  }

  /** What is to be done so that a mapping that was inherited has the pages of its own. */
  resolve({ start, size, protection, inheritedProtection, pages, inheritedPages }: InheritStep): ResolvedStep[] {
    const fills = planFills(pages.flatMap((run) => this.#findDifferent(run, inheritedPages)));
    const opened = fills.length === 0 ? inheritedProtection : inheritedProtection | PROT_WRITE;
    return [
      ...opened === inheritedProtection ? [] : [protect({ start, size, protection: opened })],
      ...fills,
      ...subtract(inheritedPages, pages).map((run): ResolvedStep => (
        { kind: "advise", start: run.address, size: run.count * PAGE_SIZE, advice: MADV_DONTNEED }
      )),
      ...opened === protection ? [] : [protect({ start, size, protection })],
    ];
  }

  /** Closes the files of pages. */
  release(): void {
    const open = [...this.#files.values()];
    this.#files.clear();
    forEachAlways(open, (fd) => this.#sys.close(fd));
  }

  /** The parts of a run that are not the same among `others`. */
  #findDifferent(run: PageRun, others: readonly PageRun[]): PageRun[] {
    const end = run.address + run.count * PAGE_SIZE;
    const common = cut(others, run.address, end);
    const different = common.flatMap((other) => this.#compare(part(run, other), other));
    return [...subtract([run], common), ...different].sort((a, b) => a.address - b.address);
  }

  /** Those parts of `run` that differ from `other`, which has the same addresses. */
  #compare(run: PageRun, other: PageRun): PageRun[] {
    const different: PageRun[] = [];
    for (let page = 0; page < run.count; page += CHUNK) {
      const count = Math.min(CHUNK, run.count - page);
      const own = this.#read(this.#own, run, page, count);
      const inherited = this.#read(this.#inherited, other, page, count);
      for (let index = 0; index < count; index++) {
        if (isSamePage(own, inherited, index)) continue;
        const at = (page + index) * PAGE_SIZE;
        different.push({ ...run, address: run.address + at, offset: run.offset + at, count: 1 });
      }
    }
    return joined(different);
  }

  #read(buffer: Uint8Array<ArrayBuffer>, { file, offset }: PageRun, page: number, count: number): Int32Array {
    const fd = this.#files.get(file) ?? this.#sys.open(file, O_RDONLY);
    this.#files.set(file, fd);
    const wanted = buffer.subarray(0, count * PAGE_SIZE);
    for (let done = 0; done < wanted.length;) {
      const got = this.#sys.pread(fd, wanted.subarray(done), offset + page * PAGE_SIZE + done);
      // A file that is too short is told when the pages are read into the task.
      if (got === 0) wanted.fill(0, done);
      done = got === 0 ? wanted.length : done + got;
    }
    return new Int32Array(buffer.buffer, 0, wanted.length / 4);
  }
}

function protect(range: { start: number; size: number; protection: number }): ResolvedStep {
  return { kind: "protect", ...range };
}

/** The part of `run` at the addresses of `other`, which lies in it. */
function part(run: PageRun, { address, count }: PageRun): PageRun {
  return { ...run, address, count, offset: run.offset + address - run.address };
}

function isSamePage(one: Int32Array, other: Int32Array, page: number): boolean {
  const words = PAGE_SIZE / 4;
  const end = (page + 1) * words;
  for (let index = page * words; index < end; index++) if (one[index] !== other[index]) return false;
  return true;
}

/** What of ascending runs lies outside of others, which are ascending as well. */
function subtract(runs: readonly PageRun[], others: readonly PageRun[]): PageRun[] {
  return runs.flatMap((run) => {
    const end = run.address + run.count * PAGE_SIZE;
    const left: PageRun[] = [];
    let address = run.address;
    const add = (until: number) => {
      if (until > address) left.push(part(run, { ...run, address, count: (until - address) / PAGE_SIZE }));
    };
    for (const other of cut(others, run.address, end)) {
      add(other.address);
      address = other.address + other.count * PAGE_SIZE;
    }
    add(end);
    return left;
  });
}

/** Runs that follow each other as one. */
function joined(runs: readonly PageRun[]): PageRun[] {
  const result: PageRun[] = [];
  for (const run of runs) {
    const last = result.at(-1);
    if (last !== undefined && last.address + last.count * PAGE_SIZE === run.address) {
      result[result.length - 1] = { ...last, count: last.count + run.count };
    } else result.push(run);
  }
  return result;
}
