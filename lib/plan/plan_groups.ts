import type { TaskStep } from "./plan.ts";
import { addHelper, type BirthDraft, type Newborn, NO_MAKER, setBirth } from "./newborn.ts";
import { at } from "./task_tree.ts";

/** One task joins a group that another leads. */
export interface GroupEnding {
  readonly pid: number;
  readonly step: Extract<TaskStep, { kind: "set-group" }>;
}

/**
 * Decides how each task gets into its process group: leaders make theirs at their turn (with helpers for those that
 * are gone), their later children inherit it, and all others join in the endings.
 *
 * @param order indices of all newborns, makers first; helpers added here need not be in it
 */
export function planGroups(draft: BirthDraft, order: readonly number[]): GroupEnding[] {
  const { newborns, tree } = draft;
  const tasks = newborns.slice(0, tree.tasks.length);
  appointLeaders(draft, tasks);
  bearOutsidersEarly(draft, order);
  for (const newborn of newborns) if (newborn.when === "any") newborn.when = "after";
  const joining = findJoining(draft, order);
  return orderJoins(draft, joining);
}

/** Makes sure that every group that a task is in has a leader in the right session. */
function appointLeaders(draft: BirthDraft, tasks: readonly Newborn[]): void {
  const { tree } = draft;
  const sessionsOfLeaders = new Map(draft.newborns.map((newborn, index) => [newborn.pid, sessionLed(draft, index)]));
  for (const index of tasks.keys()) {
    const session = at(tree.sessions, index);
    const group = at(tree.groups, index);
    if (group === 0) {
      if (session !== 0) report(draft, index, "which is outside the tree, while its session is not");
      continue;
    }
    if (!sessionsOfLeaders.has(group)) {
      const helper = { pid: group, maker: index, when: "after", turn: "set-group" } as const;
      if (session !== tree.tasks[index]?.pid) addHelper(draft, helper);
      sessionsOfLeaders.set(group, session);
    }
    if (session === tree.tasks[index]?.pid && group !== session) {
      report(draft, index, "but it leads its session, and so must lead a group of its own");
    } else if (sessionsOfLeaders.get(group) !== session) {
      report(draft, index, "whose leader or other members are in another session");
    }
    const leader = tree.indices.get(group);
    if (leader !== undefined && draft.newborns[leader]?.turn === undefined) {
      setBirth(draft, leader, { turn: "set-group" });
    }
  }
}

/** The session of a newborn: that of the task, or the one that a helper makes. */
function sessionLed({ tree, newborns }: BirthDraft, index: number): number | undefined {
  if (index < tree.tasks.length) return at(tree.sessions, index);
  const helper = newborns[index];
  return helper?.turn === "new-session" ? helper.pid : undefined;
}

function report({ tree, problems }: BirthDraft, index: number, why: string): void {
  const task = tree.tasks[index];
  if (task === undefined) return;
  problems.push({ where: `task ${task.pid}`, what: `is in group ${task.group} of session ${task.session}, ${why}` });
}

/** The group outside the tree can only be inherited: whoever is in it is born before any of its makers' turns. */
function bearOutsidersEarly({ newborns, tree }: BirthDraft, order: readonly number[]): void {
  const needed = new Set<number>();
  for (const index of order.toReversed()) {
    const newborn = newborns[index];
    if (newborn === undefined || newborn.maker === NO_MAKER) continue;
    const isOutsider = newborn.task !== undefined && at(tree.groups, index) === 0;
    if (!isOutsider && !needed.has(index)) continue;
    needed.add(newborn.maker);
    if (newborns[newborn.maker]?.turn !== undefined && newborn.when === "any") newborn.when = "before";
  }
}

/** Indices of the tasks that are not in their group by birth or by their own turn. */
function findJoining({ newborns, tree }: BirthDraft, order: readonly number[]): number[] {
  const atBirth = new Map<number, number>([[NO_MAKER, 0]]);
  const joining: number[] = [];
  for (const index of order) {
    const newborn = newborns[index];
    if (newborn === undefined) continue;
    const maker = newborns[newborn.maker];
    const group = newborn.when === "after" && maker?.turn !== undefined ? maker.pid : atBirth.get(newborn.maker) ?? 0;
    atBirth.set(index, group);
    const ownGroup = newborn.turn === undefined ? group : newborn.pid;
    if (newborn.task !== undefined && ownGroup !== at(tree.groups, index)) joining.push(index);
  }
  return joining.sort((a, b) => a - b);
}

/** Leaders that moved on to another group go last, and only once someone else holds the group they leave. */
function orderJoins(draft: BirthDraft, joining: readonly number[]): GroupEnding[] {
  const { newborns, tree } = draft;
  const isLeader = (index: number) => newborns[index]?.turn !== undefined;
  const movers = new Set(joining.filter(isLeader));
  const held = new Set([...tree.groups].filter((_, index) => !movers.has(index)));
  const order = joining.filter((index) => !isLeader(index));
  const leaving = new Map([...movers].map((index) => [tree.tasks[index]?.pid ?? 0, index]));
  const waiting = new Map<number, number>();
  for (const index of leaving.values()) {
    const group = at(tree.groups, index);
    if (!held.has(group)) waiting.set(group, (waiting.get(group) ?? 0) + 1);
  }
  const ready = [...leaving.keys()].filter((pid) => !waiting.has(pid));
  for (const pid of ready) {
    const index = leaving.get(pid) ?? 0;
    leaving.delete(pid);
    order.push(index);
    const group = at(tree.groups, index);
    if (leaving.has(group) && waiting.delete(group)) ready.push(group);
  }
  for (const index of leaving.values()) report(draft, index, "and its leader in turn is in this task's group");
  return order.flatMap((index) => endingOf(draft, index) ?? []);
}

/** Absent, with a problem, for who would have to go back to the group outside the tree. */
function endingOf(draft: BirthDraft, index: number): GroupEnding | undefined {
  const task = draft.tree.tasks[index];
  const group = at(draft.tree.groups, index);
  if (task === undefined) return undefined;
  if (group !== 0) return { pid: task.pid, step: { kind: "set-group", group } };
  if (at(draft.tree.sessions, index) === 0) {
    report(draft, index, "which is outside the tree, and which its maker has left before");
  }
  return undefined;
}
