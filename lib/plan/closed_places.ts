import type { Hierarchy, HostCgroup } from "../host/host.ts";
import { ancestorsOf } from "../model/cgroup_path.ts";

/**
 * Why nothing may be born in a cgroup or pass through it: `frozen` stops whoever enters, `full` would refuse births
 * for lack of pids, `threaded` takes no process by CLONE_INTO_CGROUP.
 */
export type Closure = "frozen" | "full" | "threaded";

/** What is planned for one hierarchy. */
export interface Occupation {
  /** The cgroups that get members, by path, with the number of threads other than leaders that end up in each. */
  readonly threads: ReadonlyMap<string, number>;
  /** Tasks and helpers in all: any of them may pass through, or be born there and go on. */
  readonly processes: number;
}

/** The closed ones among the cgroups that get members. What cgrestore itself is in is never closed: all are born there. */
export function findClosedPlaces(hierarchy: Hierarchy, occupation: Occupation): Map<string, Closure> {
  const closed = new Map<string, Closure>();
  if (hierarchy.cgroups.size === 0) return closed;
  const full = findFull(hierarchy, occupation);
  for (const path of occupation.threads.keys()) {
    if (path === hierarchy.ownPath) continue;
    const line = [...ancestorsOf(path), path];
    const cgroups = line.flatMap((ancestor) => hierarchy.cgroups.get(ancestor) ?? []);
    if (cgroups.some(isFrozen)) closed.set(path, "frozen");
    else if (line.some((ancestor) => full.has(ancestor))) closed.set(path, "full");
    else if (hierarchy.cgroups.get(path)?.values.get("cgroup.type") === "threaded") closed.set(path, "threaded");
  }
  return closed;
}

function isFrozen({ values }: HostCgroup): boolean {
  const state = values.get("freezer.state");
  return state !== undefined && state !== "THAWED" || values.get("cgroup.freeze") === "1";
}

/** Cgroups whose `pids.max` has no room for all processes and for the threads that are to be at or below them. */
function findFull(hierarchy: Hierarchy, { threads, processes }: Occupation): Set<string> {
  const room = new Map<string, number>();
  for (const [path, { values }] of hierarchy.cgroups) {
    const max = Number(values.get("pids.max") ?? "max");
    if (Number.isFinite(max)) room.set(path, max - Number(values.get("pids.current") ?? 0) - processes);
  }
  if (room.size === 0) return new Set();
  for (const [path, count] of threads) {
    for (const ancestor of [...ancestorsOf(path), path]) {
      const left = room.get(ancestor);
      if (left !== undefined) room.set(ancestor, left - count);
    }
  }
  return new Set([...room].filter(([, left]) => left < 0).map(([path]) => path));
}
