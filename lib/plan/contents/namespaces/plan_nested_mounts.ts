import type { Problem } from "../../../errors.ts";
import type { Contents } from "../../../model/contents.ts";
import { nameMountNamespace } from "../../../model/mounts.ts";
import type { Handle } from "../contents_plan.ts";
import type { NestedMounts, NestedNamespace } from "./mounts_plan.ts";
import { type EntryQuestions, planEntries } from "./plan_entries.ts";

/** What planning several mount namespaces has to know. */
export interface NestedQuestions extends EntryQuestions {
  readonly held: Pick<Contents, "tasks" | "files">;
  readonly handle: (key: string) => Handle;
  readonly problems: Problem[];
}

/**
 * Plans how tasks get into their mount namespaces.
 *
 * @param homes the numbers of the namespaces of tasks that are in another one than the root task, by pid
 */
export function planNestedMounts(homes: ReadonlyMap<number, number>, questions: NestedQuestions): NestedMounts {
  const { handle } = questions;
  const count = 1 + Math.max(...homes.values());
  return {
    namespaces: Array.from({ length: count }, (_, number) => ({
      handle: handle(`mnt namespace ${number}`),
      root: handle(`root of mnt namespace ${number}`),
      witness: findWitness(number, homes, questions),
    })),
    homes,
    entries: planEntries(homes, questions),
  };
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
