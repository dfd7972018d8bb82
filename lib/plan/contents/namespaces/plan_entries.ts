import type { Contents } from "../../../model/contents.ts";
import type { TaskProgram } from "../../plan.ts";

/** What planning how tasks get into several namespaces of a kind has to know. */
export interface EntryQuestions {
  readonly held: Pick<Contents, "tasks">;
  /** Makers first, helpers included. */
  readonly programs: readonly Pick<TaskProgram, "pid" | "maker">[];
  /** Whether each task gets into the namespace of the root task when it has made others. */
  readonly entersLate: boolean;
}

/**
 * Plans which tasks enter a namespace that is not the one that they are born in, or get into before: its number, by pid.
 * Who has no files, as helpers, is where its maker is.
 *
 * @param homes the numbers of the namespaces of tasks that are in another one than the root task, by pid
 */
export function planEntries(
  homes: ReadonlyMap<number, number>,
  { held: { tasks }, programs, entersLate }: EntryQuestions,
): ReadonlyMap<number, number> {
  if (entersLate) return homes;
  const places = new Map<number, number>();
  const entries = new Map<number, number>();
  for (const { pid, maker } of programs) {
    const born = places.get(maker) ?? 0;
    const home = tasks.has(pid) ? homes.get(pid) ?? 0 : born;
    places.set(pid, home);
    if (home !== born) entries.set(pid, home);
  }
  return entries;
}
