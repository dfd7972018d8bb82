import type { Problem } from "../errors.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import type { Host } from "../host/host.ts";
import { deadTasksOf } from "./contents/file_questions.ts";
import type { Ending } from "./plan.ts";
import { addHelper, type BirthDraft, type Newborn, NO_MAKER } from "./newborn.ts";
import { planEndings } from "./plan_endings.ts";
import { planGroups } from "./plan_groups.ts";
import { planSessions } from "./plan_sessions.ts";
import { at, buildTaskTree, isSessionLeader, type TaskTree } from "./task_tree.ts";

/** Who makes whom, and how each gets its session and group. */
export interface BirthPlan {
  readonly tree: TaskTree;
  /** The tasks, with the same indices as in `tree`, then the helpers. */
  readonly newborns: readonly Newborn[];
  /** Indices of the newborns that each one makes, in no order that matters. */
  readonly births: readonly (readonly number[])[];
  readonly endings: readonly Ending[];
  /** Pids of the subreapers that become it in the endings. */
  readonly lateSubreapers: ReadonlySet<number>;
  readonly newPidNamespace: boolean;
  readonly problems: readonly Problem[];
}

/** What `planBirths` has to know besides the checkpoint. */
export interface BirthOptions {
  readonly host: Pick<Host, "takenPids" | "freePids" | "pidMax">;
  readonly shellJob: boolean;
  readonly pidNamespace: boolean;
  /** Whether the tasks are made in a pid namespace that is there, and not cgrestore's own. */
  readonly joinsPidNamespace: boolean;
}

/** Plans births, sessions, groups and endings of all tasks; moves are none of its business. */
export function planBirths(checkpoint: Checkpoint, options: BirthOptions): BirthPlan {
  const tree = buildTaskTree(checkpoint);
  const newPidNamespace = options.pidNamespace || tree.tasks[0]?.pid === 1;
  const pool = newPidNamespace ? insidePids(tree, options.host.pidMax) : outsidePids(tree, options.host.freePids);
  let missing = 0;
  const draft: BirthDraft = {
    tree,
    newborns: tree.tasks.map((task, index) => ({
      pid: task.pid,
      task,
      maker: parentOf(tree, index),
      as: "child",
      when: "any",
    })),
    adoptions: [],
    takeFreePid: () => pool.next().value ?? (missing++, 0),
    problems: rootProblems(tree, { ...options, newPidNamespace }),
  };
  planSessions(draft);
  const order = makersFirst(draft.newborns);
  reportUnborn(draft, order);
  const joins = planGroups(draft, order);
  addDeadTasks(draft, deadTasksOf(checkpoint.contents));
  const { endings, lateSubreapers } = planEndings(draft, { joins, newPidNamespace });
  if (missing > 0) {
    draft.problems.push({ where: "helper tasks", what: `too few pids are free on this host, by ${missing}` });
  }
  draft.problems.push(...pidProblems(draft, { ...options, newPidNamespace }));
  const births = birthsOf(draft.newborns);
  return { tree, newborns: draft.newborns, births, endings, lateSubreapers, newPidNamespace, problems: draft.problems };
}

/** Tasks that have ended, but of which files in /proc are open, have helpers that stand in for them. */
function addDeadTasks(draft: BirthDraft, pids: readonly number[]): void {
  const known = new Set(draft.newborns.map(({ pid }) => pid));
  for (const pid of pids) if (!known.has(pid)) addHelper(draft, { pid, maker: 0, when: "after" });
}

function parentOf(tree: TaskTree, index: number): number {
  return index === 0 ? NO_MAKER : at(tree.parents, index);
}

/** Indices of the newborns that each one makes, by ascending index. */
export function birthsOf(newborns: readonly Newborn[]): number[][] {
  const births: number[][] = newborns.map(() => []);
  newborns.forEach(({ maker }, index) => births[maker]?.push(index));
  return births;
}

/** Indices of all that are made in the end, makers before the tasks they make. */
function makersFirst(newborns: readonly Newborn[]): number[] {
  const births = birthsOf(newborns);
  const order = [0];
  for (const index of order) for (const child of births[index] ?? []) order.push(child);
  return order;
}

function reportUnborn({ newborns, problems }: BirthDraft, order: readonly number[]): void {
  if (order.length === newborns.length) return;
  const born = new Set(order);
  newborns.forEach(({ task }, index) => {
    if (task === undefined || born.has(index)) return;
    const what = `is in session ${task.session}, which begins only after the task itself would have to be made`;
    problems.push({ where: `task ${task.pid}`, what });
  });
}

function rootProblems(tree: TaskTree, options: BirthOptions & { newPidNamespace: boolean }): Problem[] {
  const problems: Problem[] = [];
  const root = tree.tasks[0];
  if (root === undefined) return problems;
  const where = `task ${root.pid}`;
  if (options.newPidNamespace && root.pid !== 1) {
    problems.push({
      where,
      what: `is the root, but a new pid namespace has pid 1 as its root: restore without --pid-namespace`,
    });
  }
  if (!isSessionLeader(tree, 0) && root.session !== 0) {
    if (tree.indices.has(root.session)) {
      problems.push({ where, what: `is in session ${root.session}, whose leader is one of its own descendants` });
    } else if (!options.shellJob) {
      const what =
        `is the root, and in session ${root.session} of a task that was not dumped: use --shell-job to put it in cgrestore's own session`;
      problems.push({ where, what });
    }
  }
  tree.tasks.forEach((_, index) => {
    const parent = tree.tasks[at(tree.parents, index)];
    if (parent?.state !== "zombie") return;
    problems.push({
      where: `task ${tree.tasks[index]?.pid}`,
      what: `is a child of task ${parent.pid}, which is a zombie`,
    });
  });
  return problems;
}

/** Problems with the pids of tasks, threads and helpers. */
function pidProblems(
  { newborns }: BirthDraft,
  { host, newPidNamespace, joinsPidNamespace }: BirthOptions & { newPidNamespace: boolean },
): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<number>();
  const check = (pid: number, where: string) => {
    const owner = newPidNamespace ? undefined : host.takenPids.get(pid);
    if (owner !== undefined) {
      const place = joinsPidNamespace ? "in the pid namespace that is provided" : "on this host";
      problems.push({ where, what: `its pid is taken ${place} by ${owner}` });
    }
    if (pid >= host.pidMax) {
      problems.push({ where, what: `its pid is not below kernel.pid_max, which is ${host.pidMax}` });
    }
    if (seen.has(pid)) problems.push({ where, what: "its pid is also that of another task or thread" });
    seen.add(pid);
  };
  for (const { pid, task } of newborns) {
    if (task !== undefined) check(pid, `task ${pid}`);
    for (const { tid } of task?.threads ?? []) check(tid, `thread ${tid} of task ${pid}`);
  }
  for (const { pid, task } of newborns) {
    if (task === undefined && pid !== 0) check(pid, `helper ${pid}`);
  }
  return problems;
}

/** Every number by which the checkpoint names a task, thread, session or group. */
function usedPids({ tasks }: TaskTree): Set<number> {
  const used = new Set<number>();
  for (const task of tasks) {
    used.add(task.pid).add(task.session).add(task.group);
    for (const { tid } of task.threads) used.add(tid);
  }
  return used;
}

function* outsidePids(tree: TaskTree, freePids: readonly number[]): Generator<number, undefined> {
  const used = usedPids(tree);
  for (const pid of freePids) if (!used.has(pid)) yield pid;
  return undefined;
}

function* insidePids(tree: TaskTree, pidMax: number): Generator<number, undefined> {
  const used = usedPids(tree);
  for (let pid = 2; pid < pidMax; pid++) if (!used.has(pid)) yield pid;
  return undefined;
}
