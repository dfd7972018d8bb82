import type { AddressSpace, Mapping } from "../../model/address_space.ts";
import { hasRun } from "../../model/build_pages.ts";
import type { Contents } from "../../model/contents.ts";
import type { OpenFile } from "../../model/open_file.ts";
import type { TaskState } from "../../model/task_state.ts";

/**
 * Copy-on-write memory. A task that is made by another one is born with its maker's memory; where the two have the same
 * mapping, pages that are equal can stay shared, as they were before the dump. For that the maker's memory has to be
 * there before the birth.
 */

const MAP_LOCKED = 0x2000;
const MAP_HUGETLB = 0x4_0000;
/** fork(2) does not hand down what is locked; huge pages are not looked into. */
const NOT_INHERITED = MAP_LOCKED | MAP_HUGETLB;
const MADV_DONTFORK = 10;
const MADV_WIPEONFORK = 18;

/** Finds out who has what in common with its maker. */
export class Inheritance {
  /** Tables that several tasks have: they could not open files at the same time, not knowing which numbers they get. */
  readonly #sharedTables: ReadonlySet<number>;

  constructor(readonly contents: Contents) {
    const tables = [...contents.tasks.values()].map(({ table }) => table);
    const seen = new Set<number>();
    this.#sharedTables = new Set(tables.filter((table) => seen.has(table) || !seen.add(table)));
  }

  /** Those of the makers by pid whose memory is to be restored before they make the tasks that inherit from them. */
  findFillers(makers: ReadonlyMap<number, number>): Set<number> {
    const fillers = new Set<number>();
    for (const [pid, maker] of makers) {
      if (!fillers.has(maker) && this.find(maker, pid).length > 0) fillers.add(maker);
    }
    return fillers;
  }

  /** The mappings of `pid` that its maker has as well, with pages in them; by ascending address. */
  find(maker: number, pid: number): Mapping[] {
    const [from, to] = [this.contents.tasks.get(maker), this.contents.tasks.get(pid)];
    if (from === undefined || to === undefined || !isOneProgram(this.contents, from, to)) return [];
    if (this.#sharedTables.has(from.table) || this.#sharedTables.has(to.table)) return [];
    const theirs = new Map(from.memory.mappings.map((mapping) => [mapping.start, mapping]));
    return to.memory.mappings.filter((mapping) => {
      const other = theirs.get(mapping.start);
      return other !== undefined && isAlike(this.contents, other, mapping) && hasPages(from.memory, other) &&
        !hasGuards(from.memory, other) && !hasGuards(to.memory, mapping);
    });
  }
}

/** The kernel lets the executable be changed only while nothing of the old one is mapped. */
function isOneProgram({ files }: Contents, one: TaskState, other: TaskState): boolean {
  return isOneFile(files.get(one.memory.executable), files.get(other.memory.executable));
}

function isAlike(contents: Contents, one: Mapping, other: Mapping): boolean {
  const advices = [one, other].map(({ advice }) => advice.join());
  return one.end === other.end && one.flags === other.flags && (one.flags & NOT_INHERITED) === 0 &&
    advices[0] === advices[1] && !one.advice.includes(MADV_DONTFORK) && !one.advice.includes(MADV_WIPEONFORK) &&
    isSameContent(contents, one, other);
}

function isSameContent({ files }: Contents, { content: one }: Mapping, { content: other }: Mapping): boolean {
  if (one.kind === "anonymous") return other.kind === "anonymous";
  if (one.kind !== "file" || other.kind !== "file" || one.isShared || other.isShared) return false;
  if (one.offset !== other.offset) return false;
  return isOneFile(files.get(one.file), files.get(other.file));
}

function isOneFile(one: OpenFile | undefined, other: OpenFile | undefined): boolean {
  if (one === other) return true;
  if (one?.kind === "memfd") return other?.kind === "memfd" && one.inode.id === other.inode.id;
  return one?.kind === "path" && other?.kind === "path" && one.path === other.path && one.remap === other.remap;
}

function hasPages({ pages }: AddressSpace, { start, end }: Mapping): boolean {
  return hasRun(pages, start, end);
}

function hasGuards({ guards }: AddressSpace, { start, end }: Mapping): boolean {
  return guards.some((guard) => guard.start < end && guard.end > start);
}
