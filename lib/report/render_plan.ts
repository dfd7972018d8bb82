import type { Contents } from "../model/contents.ts";
import { describeHierarchy } from "../model/hierarchy.ts";
import {
  type Attach,
  COORDINATOR,
  type Ending,
  type Entrance,
  type ExpectedTask,
  type OpenHierarchy,
  type Plan,
  type TaskProgram,
  type TaskStep,
} from "../plan/plan.ts";
import { describeContents } from "./describe_contents.ts";
import { describeMadeNamespaces } from "./describe_namespaces.ts";
import { describeExit, describeTask, describeThreads } from "./describe_task.ts";
import { count, printable } from "./printable.ts";
import { describePlace, renderCgroupSteps } from "./render_cgroup_steps.ts";
import { makeStyle, type Style } from "./style.ts";
import { renderTree, type TreeNode } from "./tree.ts";

/** Above so many, tasks made in a row are counted instead of listed. */
const LISTED_MAX = 4;

export interface PlanView {
  readonly color: boolean;
  /** What the tasks hold, to be told with the plan. */
  readonly contents?: Contents | undefined;
  /** Whether every descriptor is named; default: false. */
  readonly all?: boolean;
}

/** A plan for people, in the order in which it is followed. */
export function renderPlan(plan: Plan, options: PlanView): string {
  const style = makeStyle(options.color);
  const sections: [string, string[]][] = [
    ["Hierarchies to open", plan.hierarchies.map(renderHierarchy)],
    ["Namespaces", renderNamespaces(plan)],
    ["Cgroups, before the tasks", renderCgroupSteps(plan.cgroups, style)],
    [titleOfTasks(plan), renderTasks(plan, { ...options, style })],
    ["Once every task exists", plan.endings.map(renderEnding)],
    ["Deputies, who make files in cgroups of tasks", plan.contents?.deputies.map(renderDeputy) ?? []],
    [
      "Moves from outside",
      plan.lateMoves.map((move) => `  ${move.pid} to ${describePlace(move.hierarchy, move.path)}`),
    ],
    ["Properties, after the tasks", renderCgroupSteps(plan.properties, style)],
    ["Freezer states, last of all", renderCgroupSteps(plan.freezes, style)],
    ["Notes", plan.notes.map((note) => `  ${style.yellow("Note:")} ${printable(note)}`)],
  ];
  const texts = sections.filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [style.bold(title), ...lines].join("\n"));
  return [renderCounts(plan), ...texts].join("\n\n") + "\n";
}

function titleOfTasks({ newPidNamespace, joinedPidNamespace: joined }: Plan): string {
  if (joined === undefined) return newPidNamespace ? "Tasks, in a new pid namespace" : "Tasks";
  return `Tasks, in the pid namespace behind descriptor ${joined.fd}, for "${printable(joined.key)}"`;
}

function renderNamespaces({ contents }: Plan): string[] {
  return contents === undefined ? [] : describeMadeNamespaces(contents.namespaces).map((line) => `  ${line}`);
}

function renderCounts(plan: Plan): string {
  const helpers = plan.tasks.filter(({ role }) => role === "helper").length;
  const threads = plan.tasks.reduce((sum, task) => sum + task.threads.length, 0);
  const tasks = count(plan.tasks.length - helpers, "task") + describeThreads(threads) +
    (helpers === 0 ? "" : `, ${count(helpers, "helper task")}`);
  if (isIdle(plan)) return `${tasks}\nNothing to do about cgroups: every task stays where it is born`;
  const { writes, originWrites, createdInPlace } = plan.counts;
  const inPlace = `${count(createdInPlace, "task")} created in place`;
  return `${tasks}\n${count(writes, "cgroup write")} (the origin's rule: ${originWrites}; ${inPlace})`;
}

/** Whether no cgroup is touched, and every task stays where it is born. */
function isIdle(plan: Plan): boolean {
  const lists = [plan.cgroups, plan.lateMoves, plan.properties, plan.freezes];
  return lists.every((list) => list.length === 0) && plan.counts.writes === 0 && plan.counts.createdInPlace === 0;
}

function renderHierarchy({ hierarchy, method, source, options, isNew }: OpenHierarchy): string {
  const how = method === "bind"
    ? `clone the mount at ${printable(source)}`
    : `mount ${printable(source)}${options === "" ? "" : ` with ${printable(options)}`}`;
  return `  ${printable(describeHierarchy(hierarchy))}: ${how}${isNew ? ", which makes the hierarchy" : ""}`;
}

function renderTasks(plan: Plan, options: Omit<PlanView, "color"> & { readonly style: Style }): string[] {
  const births = findBirths(plan);
  const expected = new Map(plan.expectedTasks.map((task) => [task.pid, task]));
  const children = Map.groupBy(plan.tasks, ({ pid }) => births.get(pid)?.parent ?? COORDINATOR);
  const lines = renderTree(children.get(COORDINATOR) ?? [], {
    childrenOf: ({ pid }) => children.get(pid) ?? [],
    describe: (program) => describeProgram(program, { birth: births.get(program.pid), expected, ...options }),
  });
  return lines.map((line) => `  ${line}`);
}

/** How a task comes into being. */
interface Birth {
  readonly maker: number;
  readonly parent: number;
  /** v2 path it is born in. */
  readonly into: string | undefined;
}

/** Births by pid. Relies on makers coming before the tasks they make. */
function findBirths(plan: Plan): Map<number, Birth> {
  const births = new Map<number, Birth>();
  const note = (maker: number, steps: readonly TaskStep[]) => {
    const makersParent = births.get(maker)?.parent ?? COORDINATOR;
    for (const step of steps) {
      if (step.kind !== "create-task") continue;
      births.set(step.pid, { maker, parent: step.as === "sibling" ? makersParent : maker, into: step.into });
    }
  };
  note(COORDINATOR, plan.coordinator);
  for (const { pid, steps } of plan.tasks) note(pid, steps);
  return births;
}

interface ProgramContext extends Omit<PlanView, "color"> {
  readonly birth: Birth | undefined;
  readonly expected: ReadonlyMap<number, ExpectedTask>;
  readonly style: Style;
}

function describeProgram(program: TaskProgram, context: ProgramContext): TreeNode {
  const { birth, expected, style, contents, all = false } = context;
  const task = expected.get(program.pid);
  const facts = task === undefined ? program.role : describeTask(task);
  const place = birth?.into === undefined ? "" : `, made in ${describePlace("", birth.into)}`;
  const maker = birth === undefined || birth.maker === birth.parent || birth.maker === COORDINATOR
    ? ""
    : `, made by ${birth.maker}`;
  const name = style.bold(`${program.pid} ${printable(program.comm)}`);
  const threads = program.threads.filter(({ steps }) => steps.some(({ kind }) => kind === "attach"));
  const held = contents === undefined ? [] : describeContents(contents, program.pid, { all });
  const details = [
    ...describeSteps(program.steps),
    ...threads.flatMap(({ tid, comm, steps }) =>
      describeSteps(steps).map((text) => `thread ${tid} ${printable(comm)} ${text}`)
    ),
    ...held.map(style.dim),
  ];
  return { line: `${name}  ${facts}${describeThreads(program.threads.length)}${place}${maker}`, details };
}

const SHOWN: ReadonlySet<TaskStep["kind"]> = new Set(["attach", "create-task", "create-thread", "fill-namespaces"]);

/** The moves of a task in order, and which tasks and threads it makes in between; nothing when it does not move. */
function describeSteps(steps: readonly TaskStep[]): string[] {
  const shown = steps.filter(({ kind }) => SHOWN.has(kind));
  if (!shown.some(({ kind }) => kind === "attach")) return [];
  const texts: string[] = [];
  let made: number[] = [];
  const flush = () => {
    if (made.length > 0) texts.push(`makes ${made.length > LISTED_MAX ? `${made.length} tasks` : made.join(", ")}`);
    made = [];
  };
  for (const step of shown) {
    if (step.kind === "create-task") made.push(step.pid);
    if (step.kind === "create-thread") made.push(step.tid);
    if (step.kind !== "attach" && step.kind !== "fill-namespaces") continue;
    flush();
    texts.push(step.kind === "attach" ? describeMove(step) : "fills namespaces");
  }
  flush();
  return [texts.join("; ")];
}

function describeMove({ hierarchy, path, file }: Attach): string {
  return `moves ${file === "cgroup.procs" ? "" : "this thread "}to ${describePlace(hierarchy, path)}`;
}

function renderDeputy({ into, moves }: Entrance): string {
  const made = into === undefined ? [] : [`is made in ${describePlace("", into)}`];
  return `  one ${[...made, ...moves.map(describeMove)].join("; ")}`;
}

function renderEnding({ pid, step }: Ending): string {
  switch (step.kind) {
    case "exit":
      return `  ${pid} ends: ${describeExit(step.status)}`;
    case "reap":
      return `  ${pid} waits for ${step.child}, which has ended`;
    case "set-group":
      return `  ${pid} goes to group ${step.group}`;
    case "set-child-subreaper":
      return `  ${pid} becomes ${step.on ? "a" : "no"} child subreaper`;
  }
}
