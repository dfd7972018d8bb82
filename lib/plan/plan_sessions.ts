import { addHelper, type BirthDraft, setBirth } from "./newborn.ts";
import { at, isAncestorOrSelf, isSessionLeader } from "./task_tree.ts";

/** Places that are tried for the helper of a session whose leader is gone. */
const MAX_HOMES_TRIED = 32;

/**
 * Decides who makes each task, so that it is born in its session.
 *
 * A session is only ever inherited: from the maker, before or after the maker's own setsid(2). Where the parent was
 * never in the session, the task was an orphan, and is made by the session's leader (or a helper with its pid): as
 * a sibling where both have the same parent, else as the child of a helper whose exit orphans it again.
 */
export function planSessions(draft: BirthDraft): void {
  const born = new Map<number, number>();
  const strangers = new Map<number, number[]>();
  for (let index = 0; index < draft.tree.tasks.length; index++) {
    const session = at(draft.tree.sessions, index);
    if (isSessionLeader(draft.tree, index)) setBirth(draft, index, { turn: "new-session" });
    else if (index > 0 && !inheritSession(draft, born, index)) addTo(strangers, session, index);
  }
  for (const [session, members] of strangers) adoptStrangers(draft, born, { session, members });
  for (const index of draft.tree.tasks.keys()) setTimeOfBirth(draft, born, index);
}

/** Sessions that leaders must have been born in, by index: the older sessions in which they make children. */
type BornSessions = Map<number, number>;

/** The members of one session whose parents were never in it. */
interface Strangers {
  readonly session: number;
  readonly members: readonly number[];
}

/** Whether a task's parent can be in the task's session at some time; then notes what that asks of ancestors. */
function inheritSession({ tree }: BirthDraft, born: BornSessions, index: number): boolean {
  const session = at(tree.sessions, index);
  const climbed: number[] = [];
  for (let parent = at(tree.parents, index);; parent = at(tree.parents, parent)) {
    if (at(tree.sessions, parent) === session) break;
    if (!isSessionLeader(tree, parent)) return false;
    const known = parent === 0 ? 0 : born.get(parent);
    if (known === session) break;
    if (known !== undefined) return false;
    climbed.push(parent);
  }
  for (const leader of climbed) born.set(leader, session);
  return true;
}

/** Born to its own parent, before or after the parent's setsid(2), unless it was given another maker. */
function setTimeOfBirth(draft: BirthDraft, born: BornSessions, index: number): void {
  const { tree } = draft;
  const parent = at(tree.parents, index);
  if (parent < 0 || draft.newborns[index]?.maker !== parent || !isSessionLeader(tree, parent)) return;
  const session = isSessionLeader(tree, index) ? born.get(index) : at(tree.sessions, index);
  if (session === undefined) return;
  setBirth(draft, index, { when: session === at(tree.sessions, parent) ? "after" : "before" });
}

/** Finds makers for the strangers, or reports each of them. */
function adoptStrangers(draft: BirthDraft, born: BornSessions, strangers: Strangers): void {
  const { tree } = draft;
  const leader = tree.indices.get(strangers.session);
  if (leader !== undefined && isSessionLeader(tree, leader)) {
    const way = findWay(draft, born, { ...strangers, home: at(tree.parents, leader) });
    return way === undefined ? reportStrangers(draft, strangers) : followWay(draft, born, { ...way, leader });
  }
  if (leader !== undefined || strangers.session === 0) return reportStrangers(draft, strangers);
  for (const home of homesForLeader(draft, born, strangers)) {
    const way = findWay(draft, born, { ...strangers, home });
    if (way === undefined) continue;
    const helper = addHelper(draft, { pid: strangers.session, maker: home, when: "any", turn: "new-session" });
    return followWay(draft, born, { ...way, leader: helper });
  }
  reportStrangers(draft, strangers);
}

/** How the leader of a session, or its helper, gets all strangers to their parents. */
interface Way {
  /** Parent of the leader. */
  readonly home: number;
  readonly siblings: readonly number[];
  /** By the task that adopts them. */
  readonly orphans: ReadonlyMap<number, readonly number[]>;
  /** Sessions in which further leaders must have been born. */
  readonly born: BornSessions;
}

function findWay({ tree }: BirthDraft, born: BornSessions, goal: Strangers & { home: number }): Way | undefined {
  const { home, session } = goal;
  const way = {
    home,
    siblings: new Set<number>(),
    orphans: new Map<number, number[]>(),
    born: new Map<number, number>(),
  };
  for (const member of goal.members) {
    for (let child = member;;) {
      const parent = at(tree.parents, child);
      const known = parent === 0 ? 0 : born.get(parent) ?? way.born.get(parent);
      if (known === session) break;
      if (parent === home || isAncestorOrSelf(tree, parent, home)) {
        if (parent === home) way.siblings.add(child);
        else addTo(way.orphans, parent, child);
        break;
      }
      if (!isSessionLeader(tree, parent) || known !== undefined) return undefined;
      way.born.set(parent, session);
      child = parent;
    }
  }
  return { ...way, siblings: [...way.siblings] };
}

function followWay(draft: BirthDraft, born: BornSessions, way: Way & { leader: number }): void {
  const { leader } = way;
  for (const [index, session] of way.born) born.set(index, session);
  for (const index of way.siblings) setBirth(draft, index, { maker: leader, as: "sibling", when: "after" });
  for (const [adopter, orphans] of way.orphans) {
    const helper = addHelper(draft, { pid: draft.takeFreePid(), maker: leader, when: "after" });
    draft.adoptions.push({ helper, adopter, reaper: leader });
    for (const index of orphans) setBirth(draft, index, { maker: helper });
  }
}

/** Tasks that could be the parent of a leader that is gone: where the strangers' lines meet, then the deepest first. */
function homesForLeader(draft: BirthDraft, born: BornSessions, { members }: Strangers): number[] {
  const { tree } = draft;
  const parents = new Set(members.map((index) => at(tree.parents, index)));
  const ends = [...parents].map((parent) => {
    while (parent > 0 && isSessionLeader(tree, parent) && !born.has(parent)) parent = at(tree.parents, parent);
    return parent;
  });
  const byDepth = [...parents].sort((a, b) => at(tree.depths, b) - at(tree.depths, a) || a - b);
  const homes = new Set([meetingPoint(draft, parents), ...byDepth, ...ends]);
  return [...homes].slice(0, MAX_HOMES_TRIED);
}

/** The lowest common ancestor. */
function meetingPoint({ tree }: BirthDraft, indices: ReadonlySet<number>): number {
  let meeting: number | undefined;
  for (const index of indices) {
    meeting ??= index;
    while (!isAncestorOrSelf(tree, meeting, index)) meeting = at(tree.parents, meeting);
  }
  return meeting ?? 0;
}

function addTo(lists: Map<number, number[]>, key: number, index: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [index]);
  else list.push(index);
}

function reportStrangers({ tree, problems }: BirthDraft, { session, members }: Strangers): void {
  const leader = tree.indices.get(session);
  const why = session === 0
    ? "which only the root's own descent can inherit"
    : leader === undefined
    ? "whose leader is gone, and whose members no single helper can make"
    : isSessionLeader(tree, leader)
    ? `whose leader, task ${session}, can neither make it as a sibling nor orphan it to its parent`
    : `but task ${session} is not in that session itself`;
  for (const index of members) {
    const task = tree.tasks[index];
    if (task === undefined) continue;
    const what = `is in session ${task.session}, in which its parent ${task.parent} never was, and ${why}`;
    problems.push({ where: `task ${task.pid}`, what });
  }
}
