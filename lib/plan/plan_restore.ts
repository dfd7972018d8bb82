import { PlanError, type Problem, throwProblems } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Checkpoint, NamespaceKind } from "../model/checkpoint.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import { type HierarchyMapping, mapHierarchies } from "./map_hierarchies.ts";
import type { Plan, PlanOptions, TaskProgram } from "./plan.ts";
import { Inheritance } from "./contents/inheritance.ts";
import { planSharing } from "./contents/plan_sharing.ts";
import { type ContentsQuestions, planContents, type PlannedContents } from "./contents/plan_contents.ts";
import { controllingTerminals } from "./contents/session_terminals.ts";
import { convertCheckpoint } from "./convert/convert_checkpoint.ts";
import { type CgroupsPlan, planCgroups } from "./plan_cgroups.ts";
import { type PidNamespacePlan, planPidNamespace } from "./plan_pid_namespace.ts";
import { planTasks, type TaskQuestions, type TasksPlan } from "./plan_tasks.ts";
import { planYard, usedHierarchies } from "./plan_yard.ts";

/**
 * Plans the restore of the checkpoint `dumped` on `host`: the same input gives the same plan, and nothing is looked at.
 *
 * @throws {PlanError} with every reason why it cannot be done
 */
export function planRestore(dumped: Checkpoint, host: Host, options: PlanOptions): Plan {
  const { checkpoint, ...conversion } = convertCheckpoint(dumped, host.hierarchies, options);
  const parts = planParts(checkpoint, host, options);
  const { mapping, cgroups, pids, tasks, programs, contents } = parts;
  const losses = [...conversion.losses, ...contents?.losses ?? []];
  throwProblems(PlanError, "Cannot restore this checkpoint here", [
    ...options.onMissing === "fail" ? losses.map(refuseLoss) : [],
    ...mapping.problems,
    ...cgroups.problems,
    ...pids.problems,
    ...tasks.problems,
    ...contents?.problems ?? [],
  ]);
  const steps = [...cgroups.before, ...cgroups.after, ...cgroups.freezes];
  return {
    hierarchies: planYard(mapping, usedHierarchies(mapping, steps)),
    cgroups: cgroups.before,
    coordinator: options.restoreSibling
      ? []
      : [{ kind: "create-task", pid: checkpoint.tasks[0]?.pid ?? 0, as: "sibling" }],
    tasks: programs,
    endings: tasks.endings,
    lateMoves: tasks.lateMoves,
    properties: cgroups.after,
    freezes: cgroups.freezes,
    places: tasks.places,
    expectedTasks: tasks.expectedTasks,
    newPidNamespace: tasks.newPidNamespace,
    ...pids.joined === undefined ? {} : { joinedPidNamespace: pids.joined },
    namespaces: madeNamespaces(checkpoint, tasks),
    rootIsSibling: options.restoreSibling,
    ...contents === undefined ? {} : { contents: contents.plan },
    counts: tasks.counts,
    notes: [
      ...conversion.notes,
      ...losses.map(({ where, what }) => `${where}: ${what}`),
      ...notesOf(checkpoint, parts, options),
    ],
  };
}

/** What a plan is put together from. */
interface Parts {
  readonly mapping: HierarchyMapping;
  readonly cgroups: CgroupsPlan;
  readonly pids: PidNamespacePlan;
  readonly tasks: TasksPlan;
  /** The tasks' programs, with who shares what. */
  readonly programs: readonly TaskProgram[];
  readonly contents: PlannedContents | undefined;
}

function planParts(checkpoint: Checkpoint, host: Host, options: PlanOptions): Parts {
  const mapping = mapHierarchies(checkpoint, host, options);
  const cgroups = planCgroups({ checkpoint, host, mapping }, options);
  const namespaceRoot = namespaceRootOf(checkpoint, mapping);
  const pids = planPidNamespace(checkpoint, { host, options });
  const findFillers = fillersOf(checkpoint);
  const tasks = planTasks({
    checkpoint,
    host: { ...withPidsOf(checkpoint, pids, host), hierarchies: mapping.hierarchies },
    places: mapping.places,
    ...namespaceRoot === undefined ? {} : { namespaceRoot },
    ...findFillers === undefined ? {} : { findFillers },
    controlledSessions: controlledSessionsOf(checkpoint),
    joinsPidNamespace: pids.joined !== undefined,
    fillsNamespaces: fillsNamespaces(checkpoint),
    entersUserNamespace: checkpoint.contents?.namespaces.user !== undefined,
  }, options);
  const programs = checkpoint.contents === undefined ? tasks.tasks : planSharing(tasks.tasks, checkpoint.contents);
  const contents = planTaskContents(checkpoint, {
    ...{ host, programs, options },
    tasks: tasks.expectedTasks,
    entrances: tasks.entrances,
    rootIsSibling: options.restoreSibling,
    madeCgroups: pathsOfMade(cgroups, mapping),
    newPidNamespace: tasks.newPidNamespace,
    ...namespaceRoot === undefined ? {} : { namespaceRoot },
  });
  return { mapping, cgroups, pids, tasks, programs, contents };
}

function notesOf(
  checkpoint: Checkpoint,
  { mapping, cgroups, tasks, contents }: Parts,
  { meaninglessExternals }: PlanOptions,
): string[] {
  return [
    ...mapping.notes,
    ...cgroups.notes,
    ...tasks.notes,
    ...contents?.notes ?? [],
    ...notesOnNamespaces(checkpoint),
    ...meaninglessExternals.map((text) => (
      `--external ${text} has no effect: nothing outside of a checkpoint is called like that`
    )),
  ];
}

function refuseLoss({ where, what }: Problem): Problem {
  return { where, what: `${what}; --on-missing=skip goes on without it` };
}

/** When nobody has said which pid namespace it is, what there is in another one does not matter. */
function withPidsOf({ externalPidNamespace }: Checkpoint, { joined }: PidNamespacePlan, host: Host): Host {
  return externalPidNamespace !== undefined && joined === undefined ? { ...host, takenPids: new Map() } : host;
}

/** Where this host shows the cgroups that are made before the tasks. */
function pathsOfMade({ before }: CgroupsPlan, { hierarchies }: HierarchyMapping): Set<string> {
  const mountPoints = new Map(hierarchies.map(({ name, mount }) => [name, mount?.mountPoint]));
  return new Set(before.flatMap((step) => {
    const mountPoint = step.kind === "make-cgroup" ? mountPoints.get(step.hierarchy) : undefined;
    return mountPoint === undefined ? [] : [mountPoint + step.path];
  }));
}

/** Absent for placeholders: then the checkpoint was read without its contents. */
function planTaskContents(checkpoint: Checkpoint, questions: Omit<ContentsQuestions, "checkpoint" | "contents">) {
  const { contents } = checkpoint;
  return contents === undefined ? undefined : planContents({ checkpoint, contents, ...questions });
}

/** Sessions whose leaders take a terminal before they make others, who inherit it. */
function controlledSessionsOf({ contents }: Checkpoint): ReadonlySet<number> {
  return new Set(contents === undefined ? [] : controllingTerminals(contents).keys());
}

/** Whether there are mounts of the tasks' own, or objects of System V, which the root makes with what was in them. */
function fillsNamespaces({ contents }: Checkpoint): boolean {
  return contents?.namespaces.mounts !== undefined || contents?.namespaces.ipc !== undefined;
}

/** Whose memory is restored before others are made. */
function fillersOf({ contents }: Checkpoint): TaskQuestions["findFillers"] {
  if (contents === undefined) return undefined;
  const inheritance = new Inheritance(contents);
  return (makers) => inheritance.findFillers(makers);
}

/** Where the root unshares its cgroup namespace; empty: where it is born. Absent without such a namespace. */
function namespaceRootOf(
  { tasks, namespaces }: Checkpoint,
  { namespaceRoots }: HierarchyMapping,
): ReadonlyMap<HierarchyName, string> | undefined {
  if (!namespaces.has("cgroup")) return undefined;
  const set = tasks[0]?.set;
  return (set === undefined ? undefined : namespaceRoots.get(set)) ?? new Map();
}

/** Placeholders have no others. */
const PLACEHOLDER_NAMESPACES: readonly NamespaceKind[] = ["pid", "cgroup"];

/** One that is joined is the tasks' own as well. */
function madeNamespaces(
  { namespaces, contents, externalPidNamespace }: Checkpoint,
  { newPidNamespace }: TasksPlan,
): NamespaceKind[] {
  const kinds = new Set(
    [...namespaces].filter((kind) => contents !== undefined || PLACEHOLDER_NAMESPACES.includes(kind)),
  );
  if (newPidNamespace || externalPidNamespace !== undefined) kinds.add("pid");
  else kinds.delete("pid");
  return [...kinds].sort();
}

/** Namespaces are among what placeholders lack. */
function notesOnNamespaces({ namespaces, contents }: Checkpoint): string[] {
  if (contents !== undefined) return [];
  const missing = [...namespaces].filter((kind) => !PLACEHOLDER_NAMESPACES.includes(kind)).sort();
  return missing.length === 0 ? [] : [`namespaces that are not restored: ${missing.join(", ")}`];
}
