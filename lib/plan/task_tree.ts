import type { Checkpoint, Task } from "../model/checkpoint.ts";

/** The tasks of a checkpoint by index, with what is asked of their tree again and again. */
export interface TaskTree {
  readonly tasks: readonly Task[];
  /** Index of a task by its pid. */
  readonly indices: ReadonlyMap<number, number>;
  /** Index of the parent; -1 for the root. */
  readonly parents: Int32Array;
  readonly depths: Int32Array;
  /** Numbers in depth-first order: the descendants of a task are those from `enter` to below `leave`. */
  readonly enter: Int32Array;
  readonly leave: Int32Array;
  /** Session by index; 0 is the session outside the tree, which is inherited from cgrestore. */
  readonly sessions: Int32Array;
  /** Group by index; 0 is the group outside the tree. */
  readonly groups: Int32Array;
}

/** Indexes the tasks; relies on parents coming before children, as `Checkpoint.tasks` promises. */
export function buildTaskTree(checkpoint: Checkpoint): TaskTree {
  const tasks = checkpoint.tasks;
  const indices = new Map(tasks.map((task, index) => [task.pid, index]));
  const parents = Int32Array.from(tasks, (task, index) => index === 0 ? -1 : indices.get(task.parent) ?? 0);
  const depths = new Int32Array(tasks.length);
  for (let index = 1; index < tasks.length; index++) depths[index] = at(depths, at(parents, index)) + 1;
  return { tasks, indices, parents, depths, ...numberDepthFirst(parents), ...outsideAsZero(tasks, indices) };
}

/** `numbers[index]`, where the caller knows that there is one. */
export function at(numbers: Int32Array, index: number): number {
  return numbers[index] ?? 0;
}

/** Whether `above` is an ancestor of `below`, or the same task. */
export function isAncestorOrSelf(tree: TaskTree, above: number, below: number): boolean {
  return at(tree.enter, above) <= at(tree.enter, below) && at(tree.enter, below) < at(tree.leave, above);
}

/** Whether a task leads its session. */
export function isSessionLeader(tree: TaskTree, index: number): boolean {
  return at(tree.sessions, index) === tree.tasks[index]?.pid;
}

function numberDepthFirst(parents: Int32Array): Pick<TaskTree, "enter" | "leave"> {
  const sizes = new Int32Array(parents.length).fill(1);
  for (let index = parents.length - 1; index > 0; index--) {
    const parent = at(parents, index);
    sizes[parent] = at(sizes, parent) + at(sizes, index);
  }
  const enter = new Int32Array(parents.length);
  const next = new Int32Array(parents.length).fill(1);
  for (let index = 1; index < parents.length; index++) {
    const parent = at(parents, index);
    enter[index] = at(next, parent);
    next[parent] = at(next, parent) + at(sizes, index);
    next[index] = at(enter, index) + 1;
  }
  return { enter, leave: enter.map((first, index) => first + at(sizes, index)) };
}

/** The session and the group that the root had from outside become 0, which they are already in a pid namespace. */
function outsideAsZero(
  tasks: readonly Task[],
  indices: ReadonlyMap<number, number>,
): Pick<TaskTree, "sessions" | "groups"> {
  const root = tasks[0];
  const session = root === undefined || root.session === root.pid ? 0 : root.session;
  const group = root === undefined || session === 0 || indices.has(root.group) ? 0 : root.group;
  return {
    sessions: Int32Array.from(tasks, (task) => task.session === session ? 0 : task.session),
    groups: Int32Array.from(tasks, (task) => task.group === group ? 0 : task.group),
  };
}
