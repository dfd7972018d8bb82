import { PAGE_SIZE, type PageRun } from "../../model/address_space.ts";
import { cut } from "../../model/build_pages.ts";
import type { InheritStep, MemoryStep } from "../../plan/contents/contents_plan.ts";
import { planFills } from "../../plan/contents/plan_memory.ts";
import { O_RDONLY } from "../../sys/constants.ts";
import type { Sys } from "../../sys/sys.ts";

const PROT_WRITE = 2;
const MADV_DONTNEED = 4;
/** How much of a file is read at once, in bytes: what is compared then is still in the processor's cache. */
const WINDOW = 1 << 18;
/** How many pieces of what siblings are compared with stay read. */
const KEPT_WINDOWS = 64;

/** A step that says all that is to be done. */
export type ResolvedStep = Exclude<MemoryStep, InheritStep>;

/** Finds out which pages of tasks are equal to their makers', by reading them from the images. */
export class PageComparison {
  readonly #sys: Sys;
  readonly #own: FileWindow;
  readonly #inherited: FileWindows;

  constructor(sys: Sys) {
    this.#sys = sys;
    this.#own = new FileWindow(sys);
    this.#inherited = new FileWindows(sys);
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
    const size = run.count * PAGE_SIZE;
    for (let done = 0; done < size;) {
      const own = this.#own.read(run.file, run.offset + done, size - done);
      const inherited = this.#inherited.read(other.file, other.offset + done, own.length);
      for (const at of this.#differentPages(own.subarray(0, inherited.length), inherited)) {
        different.push({ ...run, address: run.address + done + at, offset: run.offset + done + at, count: 1 });
      }
      done += inherited.length;
    }
    return joined(different);
  }

  /** Where pages are that differ: few, mostly, so halves are compared. */
  #differentPages(own: Uint8Array, inherited: Uint8Array, start = 0): number[] {
    if (this.#sys.isSameMemory(own, inherited)) return [];
    if (own.length <= PAGE_SIZE) return [start];
    const half = Math.ceil(own.length / PAGE_SIZE / 2) * PAGE_SIZE;
    return [
      ...this.#differentPages(own.subarray(0, half), inherited.subarray(0, half), start),
      ...this.#differentPages(own.subarray(half), inherited.subarray(half), start + half),
    ];
  }
}

/** Parts of files that were read, of which the one that was read first makes room for another. */
class FileWindows {
  readonly #sys: Sys;
  readonly #windows: FileWindow[] = [];
  #next = 0;

  constructor(sys: Sys) {
    this.#sys = sys;
  }

  /** As of a window. */
  read(file: string, offset: number, most: number): Uint8Array {
    const found = this.#windows.find((window) => window.has(file, offset)) ?? this.#nextWindow();
    return found.read(file, offset, most);
  }

  #nextWindow(): FileWindow {
    const window = this.#windows[this.#next] ??= new FileWindow(this.#sys);
    this.#next = (this.#next + 1) % KEPT_WINDOWS;
    return window;
  }
}

/** The part of a file that was read last. */
class FileWindow {
  readonly #sys: Sys;
  readonly #bytes = new Uint8Array(new ArrayBuffer(WINDOW));
  #file = "";
  #start = 0;
  #length = 0;

  constructor(sys: Sys) {
    this.#sys = sys;
  }

  has(file: string, offset: number): boolean {
    return file === this.#file && offset >= this.#start && offset < this.#start + this.#length;
  }

  /** Whole pages of a file from `offset` on, `most` bytes or less; good until the next are read. */
  read(file: string, offset: number, most: number): Uint8Array {
    if (!this.has(file, offset)) this.#fill(file, offset, Math.min(most, WINDOW));
    const at = offset - this.#start;
    return this.#bytes.subarray(at, Math.min(at + most, this.#length));
  }

  /** Reads what is wanted from `start` on, and what follows. */
  #fill(file: string, start: number, wanted: number): void {
    this.#file = "";
    let length = 0;
    const fd = this.#sys.open(file, O_RDONLY);
    try {
      for (let count = 1; count > 0 && length < WINDOW; length += count) {
        count = this.#sys.pread(fd, this.#bytes.subarray(length), start + length);
      }
    } finally {
      this.#sys.close(fd);
    }
    // A file that is too short is told when the pages are read into the task.
    if (length < wanted) this.#bytes.fill(0, length, wanted);
    [this.#file, this.#start, this.#length] = [file, start, Math.max(wanted, length - length % PAGE_SIZE)];
  }
}

function protect(range: { start: number; size: number; protection: number }): ResolvedStep {
  return { kind: "protect", ...range };
}

/** The part of `run` at the addresses of `other`, which lies in it. */
function part(run: PageRun, { address, count }: PageRun): PageRun {
  return { ...run, address, count, offset: run.offset + address - run.address };
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
