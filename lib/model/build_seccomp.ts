import type { Problem } from "../errors.ts";
import type { TaskCoreEntry, ThreadCoreEntry } from "../gen/core.ts";
import type { SeccompFilter as FilterEntry } from "../gen/seccomp.ts";
import type { Seccomp } from "./task_state.ts";

const STRICT = 1;
const FILTER = 2;
const SECCOMP_FILTER_FLAG_TSYNC = 1;

/** Bytes of an instruction (`struct sock_filter`), and how many a filter can have (BPF_MAXINSNS). */
const INSTRUCTION_SIZE = 8;
const MAX_INSTRUCTIONS = 4096;

export interface SeccompParts {
  readonly thread: ThreadCoreEntry;
  /** The task's part of the leader's image. */
  readonly leader: TaskCoreEntry;
  /** All of seccomp.img. */
  readonly filters: readonly FilterEntry[];
  /** The image of the thread, for problems. */
  readonly where: string;
  readonly problems: Problem[];
}

/** What seccomp(2) has set up for a thread, as far as its own image tells. */
export function buildSeccomp({ thread, leader, ...rest }: SeccompParts): Seccomp {
  if (leader.oldSeccompMode === FILTER) {
    // CRIU before 3.10: each filter names the one it was installed upon, and all threads have them.
    return { mode: "filter", filters: followChain(leader.oldSeccompFilter ?? 0, rest).reverse(), isShared: true };
  }
  const mode = thread.seccompMode ?? leader.oldSeccompMode;
  if (mode !== FILTER) return { mode: mode === STRICT ? "strict" : "disabled" };
  // Each filter names, in the same field, the one that was installed upon it (criu/seccomp.c).
  const filters = followChain(thread.seccompFilter ?? 0, rest);
  const isShared = filters.some(({ flags }) => (flags & SECCOMP_FILTER_FLAG_TSYNC) !== 0);
  return { mode: "filter", filters, isShared };
}

/** Filters in the order in which each names the next. */
function followChain(first: number, { filters, where, problems }: Omit<SeccompParts, "thread" | "leader">) {
  const chain: { program: Uint8Array; flags: number }[] = [];
  let index: number | undefined = first;
  while (index !== undefined) {
    const entry: FilterEntry | undefined = filters[index];
    if (entry === undefined || chain.length > filters.length) {
      const what = entry === undefined
        ? `seccomp.img has no filter ${index}`
        : "its filters name each other in a circle";
      problems.push({ where, what });
      return [];
    }
    checkProgram(entry.filter, `seccomp.img, filter ${index}`, problems);
    chain.push({ program: entry.filter, flags: entry.flags ?? 0 });
    index = entry.prev;
  }
  return chain;
}

function checkProgram({ length }: Uint8Array, where: string, problems: Problem[]): void {
  const instructions = length / INSTRUCTION_SIZE;
  if (Number.isInteger(instructions) && instructions > 0 && instructions <= MAX_INSTRUCTIONS) return;
  problems.push({ where, what: `its program has ${length} bytes, which is not 1 to ${MAX_INSTRUCTIONS} instructions` });
}

/** What a thread has, if its leader's filters are those of all threads: the image has them once. */
export function shareSeccomp(own: Seccomp, leader: Seccomp | undefined): Seccomp {
  return leader?.mode === "filter" && leader.isShared ? leader : own;
}
