import { isAtOrBelow, ROOT_PATH } from "../model/cgroup_path.ts";
import type { CgroupSet, Checkpoint } from "../model/checkpoint.ts";

/**
 * The sets that some task or thread is in, by ascending id, with the pids (of threads, tids) in each.
 *
 * The set of the dumping CRIU (`ownSet`) is left out: its members are wherever cgrestore is.
 */
export function usedSets(checkpoint: Checkpoint): Map<CgroupSet, number[]> {
  const members = new Map<number, number[]>();
  const add = (set: number | undefined, pid: number) => {
    if (set === undefined || set === checkpoint.ownSet) return;
    const pids = members.get(set);
    if (pids === undefined) members.set(set, [pid]);
    else pids.push(pid);
  };
  for (const task of checkpoint.tasks) {
    add(task.set, task.pid);
    for (const thread of task.threads) add(thread.set, thread.tid);
  }
  const used = new Map<CgroupSet, number[]>();
  for (const [id, pids] of [...members].sort(([a], [b]) => a - b)) {
    const set = checkpoint.sets.get(id);
    if (set !== undefined) used.set(set, pids);
  }
  return used;
}

/** Whether a dumped cgroup belongs to the tasks that have these places in its hierarchy. */
export function ownsPath(places: readonly string[], path: string): boolean {
  return places.some((place) => place !== ROOT_PATH && isAtOrBelow(path, place));
}
