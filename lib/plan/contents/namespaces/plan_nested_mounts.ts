import type { Problem } from "../../../errors.ts";
import type { Contents } from "../../../model/contents.ts";
import { nameMountNamespace } from "../../../model/mounts.ts";
import type { TaskProgram } from "../../plan.ts";
import type { Handle } from "../contents_plan.ts";
import type { NestedMounts, NestedNamespace } from "./mounts_plan.ts";

/** What planning several mount namespaces has to know. */
export interface NestedQuestions {
  readonly held: Pick<Contents, "tasks" | "files">;
  /** Makers first, helpers included. */
  readonly programs: readonly Pick<TaskProgram, "pid" | "maker">[];
  /** Whether each task gets into the namespace of the root task when it has made others. */
  readonly entersLate: boolean;
  readonly handle: (key: string) => Handle;
  readonly problems: Problem[];
}

/**
 * Plans how tasks get into their mount namespaces.
 *
 * @param homes the numbers of the namespaces of tasks that are in another one than the root task, by pid
 */
export function planNestedMounts(homes: ReadonlyMap<number, number>, questions: NestedQuestions): NestedMounts {
  const { entersLate, handle } = questions;
  const count = 1 + Math.max(...homes.values());
  return {
    namespaces: Array.from({ length: count }, (_, number) => ({
      handle: handle(`mnt namespace ${number}`),
      root: handle(`root of mnt namespace ${number}`),
      witness: findWitness(number, homes, questions),
    })),
    homes,
    entries: entersLate ? homes : planEntries(homes, questions),
  };
}

/** Who has no files, as helpers, is where its maker is. */
function planEntries(
  homes: ReadonlyMap<number, number>,
  { held: { tasks }, programs }: NestedQuestions,
): Map<number, number> {
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

/** CRIU itself needs one, to read the mounts (`collect_mnt_namespaces`, criu/mount.c). */
function findWitness(
  number: number,
  homes: ReadonlyMap<number, number>,
  { held: { tasks, files }, problems }: NestedQuestions,
): NestedNamespace["witness"] {
  for (const [pid, { directories }] of tasks) {
    const root = files.get(directories.root);
    if ((homes.get(pid) ?? 0) === number && root?.kind === "path" && root.path === "/") return pid;
  }
  problems.push({ where: nameMountNamespace(number), what: "each task in it has a root directory of its own" });
  return 0;
}
