import type { Hierarchy, HostQuestions } from "../host/host.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { isPid } from "../model/build_tasks.ts";
import { netsOf } from "../model/net_numbers.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import { deadTasksOf, fileQuestions, watchTargets } from "./contents/file_questions.ts";
import { memoryQuestions } from "./contents/memory/memory_questions.ts";
import { singleFileSystems } from "./contents/namespaces/plan_mounts.ts";
import { programsOf } from "./contents/namespaces/plan_filters.ts";
import type { OpenFile } from "../model/open_file.ts";
import { convertCheckpoint } from "./convert/convert_checkpoint.ts";
import { mapHierarchies } from "./map_hierarchies.ts";
import type { PlanOptions } from "./plan.ts";

/** Helpers beyond the leaders that are known to be gone, for orders of birth that need more. */
const SPARE_HELPERS = 8;

/**
 * What planning the restore of `checkpoint` has to know about a host that has `hierarchies`: whether its pids are
 * free, and every cgroup that is a place, is dumped, or has such a one below it.
 */
export function hostQuestions(
  checkpoint: Checkpoint,
  hierarchies: readonly Hierarchy[],
  options: Pick<
    PlanOptions,
    "mode" | "roots" | "onMissing" | "shellJob" | "inheritedFiles" | "mounts" | "outerEnds" | "parents" | "joins"
  >,
): HostQuestions {
  const tasks = new Set(checkpoint.tasks.flatMap(({ pid, threads }) => [pid, ...threads.map(({ tid }) => tid)]));
  const leaders = new Set(checkpoint.tasks.flatMap(({ group, session }) => [group, session]));
  const pids = new Set([...tasks, ...leaders, ...deadTasksOf(checkpoint.contents)].filter((pid) => pid > 0));
  const missing = [...leaders].filter((pid) => pid > 0 && !tasks.has(pid));
  const pidNamespace = options.inheritedFiles.find(({ key }) => key === checkpoint.externalPidNamespace)?.fd;
  return {
    pids: [...pids].sort((a, b) => a - b),
    helpers: missing.length + SPARE_HELPERS,
    ...pidNamespace === undefined ? {} : { pidNamespace },
    cgroups: cgroupsOfInterest(checkpoint, hierarchies, options),
    components: componentsOfInterest(checkpoint),
    files: fileQuestions(checkpoint.contents, options),
    inherited: options.inheritedFiles.map(({ fd }) => fd),
    memory: memoryQuestions(checkpoint),
    devices: devicesOfInterest(checkpoint),
    fileSystems: singleFileSystems(checkpoint.contents?.namespaces.mounts ?? []),
    outsiders: outsidersOfInterest(checkpoint, pids),
    unix: hasUnixSockets(checkpoint),
    network: isNetworkOfInterest(checkpoint) || options.outerEnds.length + options.parents.length > 0,
    terminal: options.shellJob && hasTerminals(checkpoint),
    clocks: checkpoint.contents?.namespaces.clocks !== undefined,
    appArmor: checkpoint.contents?.securityModule === "apparmor",
    programs: programsOf(netsOf(checkpoint.contents?.namespaces ?? {})),
    user: checkpoint.contents?.namespaces.user !== undefined,
  };
}

/** Those that have files which are watched and of which no name is known. */
function devicesOfInterest({ contents }: Checkpoint): number[] {
  const targets = watchTargets(contents);
  return [...new Set(targets.flatMap((target) => target.kind === "handle" ? [target.device] : []))];
}

/** Whom files of the checkpoint signal without being part of it. */
function outsidersOfInterest({ contents }: Checkpoint, pids: ReadonlySet<number>): number[] {
  const owners = [...contents?.files.values() ?? []].flatMap((file) => (
    file.kind === "unknown" || file.owner === undefined ? [] : [file.owner.pid]
  ));
  return [...new Set(owners.filter((pid) => isPid(pid) && !pids.has(pid)))];
}

/** Those that some thread used. */
function componentsOfInterest({ contents }: Checkpoint): number[] {
  const numbers = new Set<number>();
  for (const { registers } of contents?.threads.values() ?? []) {
    for (const number of registers.floating?.components.keys() ?? []) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** When sockets are made in it: in a new network, nothing is taken. */
function isNetworkOfInterest({ contents, namespaces }: Checkpoint): boolean {
  if (namespaces.has("net")) return false;
  for (const { kind } of contents?.files.values() ?? []) if (SOCKETS.has(kind)) return true;
  return false;
}

/** Kinds of file that are made in a network. */
const SOCKETS: ReadonlySet<OpenFile["kind"]> = new Set(["inet", "netlink", "packet"] as const);

function hasTerminals({ contents }: Checkpoint): boolean {
  return [...contents?.files.values() ?? []].some(({ kind }) => kind === "terminal");
}

function hasUnixSockets({ contents }: Checkpoint): boolean {
  return [...contents?.files.values() ?? []].some(({ kind }) => kind === "unix");
}

function cgroupsOfInterest(
  checkpoint: Checkpoint,
  hierarchies: readonly Hierarchy[],
  options: Pick<PlanOptions, "mode" | "roots" | "onMissing">,
): Map<HierarchyName, string[]> {
  // Which controllers are loose only matters for hierarchies that do not exist yet, and have no cgroups to ask for.
  const host = { hierarchies, looseControllers: [], unifiedControllers: [] };
  const { checkpoint: converted } = convertCheckpoint(checkpoint, hierarchies, options);
  const { places, namespaceRoots, trees } = mapHierarchies(converted, host, { ...options, onMissing: "skip" });
  const paths = new Map(hierarchies.map(({ name, ownPath }) => [name, new Set([ownPath])]));
  for (const members of [...places.values(), ...namespaceRoots.values()]) {
    for (const [name, path] of members) paths.get(name)?.add(path);
  }
  for (const [name, directories] of trees) for (const { path } of directories) paths.get(name)?.add(path);
  return new Map([...paths].map(([name, set]) => [name, [...set].sort()]));
}
