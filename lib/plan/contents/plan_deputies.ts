import type { Entrance, ExpectedTask } from "../plan.ts";
import type { ContentsPlan, Handle, TaskContents } from "./contents_plan.ts";
import type { FileStep } from "./file_step.ts";
import type { GhostStep } from "./files/plan_ghost.ts";

/** What choosing deputies has to know. */
export interface DeputyQuestions {
  readonly tasks: readonly ExpectedTask[];
  /** As of `TasksPlan`. */
  readonly entrances: readonly (Entrance | undefined)[];
  /** Who holds what, makers first. */
  readonly contents: readonly Pick<TaskContents, "pid" | "descriptors">[];
}

/** Steps that come when no task has anything, and when all are there. */
interface Phases {
  readonly earlyFiles: readonly FileStep[];
  readonly lateFiles: readonly FileStep[];
}

/**
 * Has what the kernel counts to the cgroup of who made it be made in that of the first task that holds it: a socket stays
 * in the v2 cgroup in which it was made, to which firewalls and BPF programs look, and has its buffers charged to that of
 * the memory controller (`sk_alloc` of net/core/sock.c); so it is with the bytes in a pipe (`pipe_write` of fs/pipe.c),
 * and with pages of files that are in memory. What tasks hold otherwise, by mapping it, is made in that of the root task.
 * The classes of net_cls and net_prio follow who gets a socket (`__receive_sock` of net/core/sock.c).
 */
export function assignDeputies(
  { earlyFiles, lateFiles }: Phases,
  { tasks, entrances, contents }: DeputyQuestions,
): Phases & Pick<ContentsPlan, "deputies"> {
  const places = new Map(tasks.map(({ pid, place }) => [pid, place]));
  const holders = firstHolders(contents, [...earlyFiles, ...lateFiles]);
  const deputies = new Map<string, { readonly number: number; readonly entrance: Entrance }>();
  const deputyFor = (entrance: Entrance): number => {
    const key = JSON.stringify(entrance);
    const number = deputies.get(key)?.number ?? deputies.size;
    deputies.set(key, { number, entrance });
    return number;
  };
  const assign = (step: FileStep): FileStep => {
    const counted = countedHandles(step);
    if (counted.length === 0) return step;
    const holder = counted.map((handle) => holders.get(handle)).find((pid) => pid !== undefined) ?? tasks[0]?.pid;
    const entrance = entrances[places.get(holder ?? 0) ?? -1];
    return entrance === undefined ? step : { ...step, deputy: deputyFor(entrance) };
  };
  return {
    earlyFiles: earlyFiles.map(assign),
    lateFiles: lateFiles.map(assign),
    deputies: [...deputies.values()].map(({ entrance }) => entrance),
  };
}

/** The first task that has each open file, or one that is opened once more for it. */
function firstHolders(contents: DeputyQuestions["contents"], steps: readonly FileStep[]): Map<Handle, number> {
  const holders = new Map<Handle, number>();
  for (const { pid, descriptors = [] } of contents) {
    for (const { handle } of descriptors) if (!holders.has(handle)) holders.set(handle, pid);
  }
  for (const step of steps) {
    const holder = step.kind === "reopen" && !holders.has(step.from) ? holders.get(step.handle) : undefined;
    if (step.kind === "reopen" && holder !== undefined) holders.set(step.from, holder);
  }
  return holders;
}

/**
 * What a step makes that counts to a cgroup. Not what is sent through unix sockets, though it does: who sends it has a pid
 * that may be looked at, and a deputy has one in the tasks' pid namespace.
 */
function countedHandles(step: FileStep): readonly Handle[] {
  switch (step.kind) {
    case "make-inet-sockets":
      return step.sockets.map(({ handle }) => handle);
    case "make-connection":
    case "make-packet-socket":
    case "write":
      return [step.handle];
    case "make-ghost":
      return countedInGhost(step);
    case "make-pipe":
      return step.bytes.length === 0 ? [] : step.ends.map(({ handle }) => handle);
    case "fill-pipe":
      return step.bytes.length === 0 ? [] : step.ends;
    default:
      return [];
  }
}

/** A directory without a name may have files in it, whose content it is. */
function countedInGhost({ ghost, openings, inside }: GhostStep): Handle[] {
  const hasContent = ghost.content.parts.length > 0;
  return [...hasContent ? openings.map(({ handle }) => handle) : [], ...inside.flatMap(countedInGhost)];
}
