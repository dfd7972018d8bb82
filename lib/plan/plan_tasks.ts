import type { Problem } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Checkpoint, Task } from "../model/checkpoint.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import { type BirthPlan, planBirths } from "./plan_births.ts";
import { type Itinerary, type MovePlan, planMoves } from "./plan_moves.ts";
import { type Newborn, NO_MAKER } from "./newborn.ts";
import {
  COORDINATOR,
  type Entrance,
  type ExpectedTask,
  type Plan,
  type PlanCounts,
  type PlanOptions,
  type TaskProgram,
  type TaskStep,
} from "./plan.ts";
import { describePlace, OWN_PLACE, type SetPlaces } from "./task_places.ts";
import { at } from "./task_tree.ts";

/** Comm of the root before it names itself. */
const COORDINATOR_COMM = "cgrestore";

/** What `planTasks` plans with. */
export interface TaskQuestions {
  readonly checkpoint: Checkpoint;
  readonly host: Host;
  /** For every set id in use but `ownSet`: where its members go on this host. Hierarchies left out are not changed. */
  readonly places: SetPlaces;
  /** Where the root unshares its cgroup namespace; absent where the tasks have none of their own. */
  readonly namespaceRoot?: ReadonlyMap<HierarchyName, string>;
  /** Which makers have their memory restored before they make others, when it is known who makes whom, by pid. */
  readonly findFillers?: (makers: ReadonlyMap<number, number>) => ReadonlySet<number>;
  /** Sessions that have a terminal, which their leaders take. */
  readonly controlledSessions?: ReadonlySet<number>;
  /** Whether the tasks are made in a pid namespace that is there, and not cgrestore's own; default: false. */
  readonly joinsPidNamespace?: boolean;
  /** Whether there are namespaces that the root fills, which takes memory; default: false. */
  readonly fillsNamespaces?: boolean;
  /** Whether the tasks get into a user namespace, from which nobody may be born in a cgroup of this host. */
  readonly entersUserNamespace?: boolean;
}

/** The part of a plan that is about tasks. */
export interface TasksPlan extends
  Pick<
    Plan,
    "tasks" | "endings" | "lateMoves" | "places" | "expectedTasks" | "counts" | "newPidNamespace" | "notes"
  > {
  /** By place: how one more process gets there; absent where it is there already, or would not go on there. */
  readonly entrances: readonly (Entrance | undefined)[];
  readonly problems: readonly Problem[];
}

/**
 * Plans how all tasks are made, and on which way they get to their cgroups with the fewest writes.
 *
 * With problems, the rest of the answer is of no use. Helpers that may have any pid take them from `Host.freePids`.
 */
export function planTasks(
  questions: TaskQuestions,
  options: Pick<PlanOptions, "mode" | "shellJob" | "pidNamespace">,
): TasksPlan {
  const { checkpoint, host } = questions;
  const births = planBirths(checkpoint, {
    ...options,
    host,
    joinsPidNamespace: questions.joinsPidNamespace === true,
  });
  const moves = planMoves(births.newborns, {
    ...questions,
    ownSet: checkpoint.ownSet,
    isIgnored: options.mode === "ignore",
    fillers: questions.findFillers?.(makersOf(births)) ?? new Set(),
    // Else the coordinator does that, before anybody can choose pids.
    rootFillsNamespaces: questions.fillsNamespaces === true &&
      (questions.entersUserNamespace !== true || births.newPidNamespace),
  });
  const parts: ProgramParts = {
    births,
    moves,
    hasNamespace: questions.namespaceRoot !== undefined,
    controlledSessions: questions.controlledSessions ?? new Set(),
  };
  const tasks = moves.order.flatMap((index) => buildProgram(parts, index) ?? []);
  return {
    tasks,
    endings: births.endings,
    lateMoves: moves.lateMoves,
    ...expectTasks(births, moves, options.mode === "ignore"),
    counts: countWrites(tasks, moves, options.mode === "ignore"),
    newPidNamespace: births.newPidNamespace,
    notes: notesOf(births),
    problems: [...births.problems, ...moves.problems],
  };
}

/** Who makes whom, helpers left out. */
function makersOf({ newborns }: BirthPlan): Map<number, number> {
  const makers = new Map<number, number>();
  for (const { pid, task, maker } of newborns) {
    const from = newborns[maker]?.task;
    if (task !== undefined && from !== undefined) makers.set(pid, from.pid);
  }
  return makers;
}

interface ProgramParts {
  readonly births: BirthPlan;
  readonly moves: MovePlan;
  readonly hasNamespace: boolean;
  readonly controlledSessions: ReadonlySet<number>;
}

function buildProgram(parts: ProgramParts, index: number): TaskProgram | undefined {
  const { births, moves } = parts;
  const newborn = births.newborns[index];
  const itinerary = moves.itineraries[index];
  if (newborn === undefined || itinerary === undefined) return undefined;
  const { task, pid } = newborn;
  const makerComm = commOf(births.newborns, newborn.maker);
  const comm = task?.comm ?? makerComm;
  const threads = (task?.threads ?? []).map(({ tid, comm: name }, number) => ({
    tid,
    comm: name,
    steps: [...setName(name, comm), ...itinerary.threads[number] ?? []],
  }));
  return {
    pid,
    role: task === undefined ? "helper" : "task",
    comm,
    maker: births.newborns[newborn.maker]?.pid ?? COORDINATOR,
    steps: [
      ...setName(comm, makerComm),
      ...index === 0 ? moves.enterNamespace : [],
      ...index === 0 && parts.hasNamespace ? [{ kind: "unshare-cgroup-namespace" } as const] : [],
      ...becomeSubreaper(births, task),
      ...livingSteps(parts, newborn, itinerary),
    ],
    threads,
  };
}

/** Births, turn, moves and threads in order. */
function livingSteps(
  { controlledSessions }: ProgramParts,
  { turn, pid, task }: Newborn,
  { before, after, last }: Itinerary,
): TaskStep[] {
  return [
    ...before,
    ...turn === "new-session" ? [{ kind: turn } as const] : [],
    ...turn === "new-session" && controlledSessions.has(pid) ? [{ kind: "take-terminal" } as const] : [],
    ...turn === "set-group" ? [{ kind: turn, group: pid } as const] : [],
    ...after,
    ...(task?.threads ?? []).map(({ tid }) => ({ kind: "create-thread", tid }) as const),
    ...last,
  ];
}

/** Helpers keep the name that they inherit. */
function commOf(newborns: readonly Newborn[], index: number): string {
  for (;;) {
    const newborn = newborns[index];
    if (index === NO_MAKER || newborn === undefined) return COORDINATOR_COMM;
    if (newborn.task !== undefined) return newborn.task.comm;
    index = newborn.maker;
  }
}

function setName(comm: string, inherited: string): { readonly kind: "set-name"; readonly comm: string }[] {
  return comm === inherited ? [] : [{ kind: "set-name", comm }];
}

function becomeSubreaper({ lateSubreapers }: BirthPlan, task: Task | undefined): TaskStep[] {
  if (task === undefined || !task.childSubreaper || lateSubreapers.has(task.pid)) return [];
  return [{ kind: "set-child-subreaper", on: true }];
}

/** What must be true in the end, with the places that it names. */
function expectTasks(
  { tree }: BirthPlan,
  { homes, entrances }: MovePlan,
  isIgnored: boolean,
): Pick<TasksPlan, "places" | "entrances" | "expectedTasks"> {
  const numbers = new Map<number, number>();
  const numberOf = (home: number): number => {
    const place = isIgnored ? OWN_PLACE : home;
    const number = numbers.get(place) ?? numbers.size;
    numbers.set(place, number);
    return number;
  };
  const expectedTasks = tree.tasks.map((task, index): ExpectedTask => {
    const home = homes.homes[index];
    const { pid, parent, state, exitStatus, stopSignal, comm } = task;
    return {
      ...{ pid, parent, state, exitStatus, stopSignal, comm },
      group: at(tree.groups, index) || undefined,
      session: at(tree.sessions, index) || undefined,
      ...home === undefined ? {} : { place: numberOf(home) },
      threads: task.threads.map((thread, number) => ({
        tid: thread.tid,
        comm: thread.comm,
        place: numberOf(homes.threads[index]?.[number] ?? OWN_PLACE),
      })),
    };
  });
  return {
    places: [...numbers.keys()].map((place) => describePlace(homes.table, homes.table.rows[place] ?? [])),
    entrances: [...numbers.keys()].map((place) => entrances.get(place)),
    expectedTasks,
  };
}

function countWrites(tasks: readonly TaskProgram[], moves: MovePlan, isIgnored: boolean): PlanCounts {
  let writes = moves.lateMoves.length;
  let createdInPlace = 0;
  for (const { steps, threads } of tasks) {
    for (const step of steps) {
      if (step.kind === "attach") writes++;
      if (step.kind === "create-task" && step.into !== undefined) createdInPlace++;
    }
    for (const thread of threads) for (const { kind } of thread.steps) if (kind === "attach") writes++;
  }
  return { writes, originWrites: isIgnored ? 0 : moves.homes.originWrites, createdInPlace };
}

function notesOf({ newborns }: BirthPlan): string[] {
  const helpers = newborns.filter(({ task }) => task === undefined).map(({ pid }) => pid);
  return helpers.length === 0 ? [] : [`helper tasks, which end before the tasks run: ${helpers.join(", ")}`];
}
