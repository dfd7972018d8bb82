import type { Problem } from "../../errors.ts";
import type { Contents } from "../../model/contents.ts";
import type { TaskState } from "../../model/task_state.ts";
import type { TaskProgram, TaskStep } from "../plan.ts";

/** Makes those tasks with their maker's table of descriptors that had it. */
export function planSharing(programs: readonly TaskProgram[], { tasks }: Contents): TaskProgram[] {
  return programs.map((program) => {
    const table = tasks.get(program.pid)?.table;
    const steps = program.steps.map((step): TaskStep => (
      step.kind === "create-task" && table !== undefined && tasks.get(step.pid)?.table === table
        ? { ...step, sharesDescriptors: true }
        : step
    ));
    return { ...program, steps };
  });
}

/** What tasks share otherwise than from a maker to those it makes, and so cannot be made again. */
export function sharingProblems(programs: readonly TaskProgram[], { tasks }: Contents): Problem[] {
  const problems: Problem[] = [];
  const [memories, actions, directories] = [
    new Map<number, number>(),
    new Map<number, number>(),
    new Map<number, number>(),
  ];
  const tables = new Set<number>();
  for (const { pid, maker } of programs) {
    const task = tasks.get(pid);
    if (task === undefined) continue;
    const share = (what: string, owner: number | undefined) => {
      if (owner !== undefined) {
        problems.push({ where: `task ${pid}`, what: `it shares ${what} with task ${owner}, which cannot be restored` });
      }
    };
    share("its memory (vfork)", takeOver(memories, task.objects.memory, pid));
    share("its signal actions", takeOver(actions, task.objects.actions, pid));
    share("its directories", takeOver(directories, task.directories.id, pid));
    if (tables.has(task.table) && tasks.get(maker)?.table !== task.table) {
      share("its descriptors", firstWith(tasks, task.table));
    }
    tables.add(task.table);
  }
  return problems;
}

/** The pid that has the object already; `undefined` where `pid` is the first. */
function takeOver(owners: Map<number, number>, object: number, pid: number): number | undefined {
  const owner = owners.get(object);
  if (owner === undefined) owners.set(object, pid);
  return owner;
}

function firstWith(tasks: ReadonlyMap<number, TaskState>, table: number): number | undefined {
  for (const [pid, task] of tasks) if (task.table === table) return pid;
  return undefined;
}
