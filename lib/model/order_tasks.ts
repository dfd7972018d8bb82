import type { Problem } from "../errors.ts";
import type { Task } from "./checkpoint.ts";

/**
 * The tasks with parents before children, depth first, siblings by ascending pid.
 *
 * @param tasks by pid; parents need not exist
 * @param options.known pids that have an entry, also those of which no task could be made: their children are no orphans
 * @param options.problems takes orphans, cycles, roots but one, and children of zombies; tasks below these are left out
 */
export function orderTasks(
  tasks: ReadonlyMap<number, Task>,
  { known, problems }: { readonly known: ReadonlySet<number>; readonly problems: Problem[] },
): Task[] {
  const children = childrenByParent(tasks);
  const roots = children.get(0) ?? [];
  if (known.size === 0) problems.push({ where: "pstree.img", what: "there is no task" });
  if (roots.length > 1) {
    const pids = roots.slice(0, 10).map((task) => task.pid).join(", ");
    problems.push({ where: "pstree.img", what: `${roots.length} tasks have no parent, only one can: ${pids}` });
  }
  checkParents(tasks, { known, problems });
  checkCycles(tasks, problems);
  return walk(roots, children);
}

function childrenByParent(tasks: ReadonlyMap<number, Task>): Map<number, Task[]> {
  const children = new Map<number, Task[]>();
  for (const task of tasks.values()) {
    const siblings = children.get(task.parent);
    if (siblings === undefined) children.set(task.parent, [task]);
    else siblings.push(task);
  }
  for (const siblings of children.values()) siblings.sort((a, b) => a.pid - b.pid);
  return children;
}

function checkParents(
  tasks: ReadonlyMap<number, Task>,
  { known, problems }: { readonly known: ReadonlySet<number>; readonly problems: Problem[] },
): void {
  for (const { pid, parent } of tasks.values()) {
    if (parent === 0) continue;
    const state = tasks.get(parent)?.state;
    const where = `pstree.img, task ${pid}`;
    if (!known.has(parent)) problems.push({ where, what: `its parent ${parent} is not in the image` });
    else if (state === "zombie") {
      problems.push({ where, what: `its parent ${parent} is a zombie, which has no children` });
    }
  }
}

/** Goes up from every task until it meets a task that was met before; when that was on the same way, it is a cycle. */
function checkCycles(tasks: ReadonlyMap<number, Task>, problems: Problem[]): void {
  const metFrom = new Map<number, number>();
  for (const start of tasks.keys()) {
    let at = tasks.get(start);
    while (at !== undefined && !metFrom.has(at.pid)) {
      metFrom.set(at.pid, start);
      at = tasks.get(at.parent);
    }
    if (at === undefined || metFrom.get(at.pid) !== start) continue;
    const what = at.parent === at.pid ? "it is its own parent" : `it is an ancestor of its parent ${at.parent}`;
    problems.push({ where: `pstree.img, task ${at.pid}`, what });
  }
}

/** Not by recursion: a chain of tasks can be as long as there are pids. */
function walk(roots: readonly Task[], children: ReadonlyMap<number, readonly Task[]>): Task[] {
  const ordered: Task[] = [];
  const waiting = [...roots].reverse();
  for (let task = waiting.pop(); task !== undefined; task = waiting.pop()) {
    ordered.push(task);
    const below = children.get(task.pid) ?? [];
    for (let index = below.length - 1; index >= 0; index--) {
      const child = below[index];
      if (child !== undefined) waiting.push(child);
    }
  }
  return ordered;
}
