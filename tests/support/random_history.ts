import type { Checkpoint, Task } from "../../lib/model/checkpoint.ts";

/** Numbers from 0 to below `below`, from a seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  return (below) => {
    seed = seed + 0x6d2b79f5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

/** How a random history is made. */
export interface HistoryOptions {
  readonly events: number;
  readonly sets: number;
  readonly kind: "init" | "leader" | "job";
}

interface Living extends Omit<Task, "threads"> {
  parent: number;
  group: number;
  session: number;
  state: "alive" | "zombie";
  childSubreaper: boolean;
  comm: string;
  set?: number;
  threads: { tid: number; comm: string; set: number }[];
}

/** What is left after a random history of fork, setsid, setpgid, exit, wait and moves: sound by construction. */
export function randomHistory(random: (below: number) => number, options: HistoryOptions): Checkpoint {
  const pid = options.kind === "init" ? 1 : 100;
  const ids = options.kind === "job" ? { session: 50, group: random(2) ? 60 : pid } : { session: pid, group: pid };
  const before = options.kind === "init" ? { session: 0, group: 0 } : ids;
  const fresh = { exitStatus: 0, stopSignal: 0, state: "alive" as const, threads: [], childSubreaper: false };
  const root: Living = { ...fresh, ...before, pid, parent: 0, comm: "root", set: 0, childSubreaper: true };
  const living = new Map([[pid, root]]);
  let next = pid + 1;
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  for (let event = 0; event < options.events; event++) {
    const task = pick([...living.values()].filter(({ state }) => state === "alive"));
    const kind = random(20);
    if (kind < 8) {
      living.set(next, { ...task, ...fresh, threads: [], pid: next, parent: task.pid });
      next++;
    } else if (kind < 10) {
      if ([...living.values()].every(({ group }) => group !== task.pid)) task.session = task.group = task.pid;
    } else if (kind < 12) {
      const groups = [...living.values()].filter(({ session }) => session === task.session).map(({ group }) => group)
        .filter((group) => group !== 0);
      if (task.session !== task.pid) task.group = pick([task.pid, ...groups]);
    } else if (kind < 15 && task.pid !== pid) {
      task.state = "zombie";
      task.threads = [];
      let adopter = living.get(task.parent)!;
      while (!adopter.childSubreaper || adopter.state === "zombie") adopter = living.get(adopter.parent)!;
      for (const child of living.values()) if (child.parent === task.pid) child.parent = adopter.pid;
      if (random(4) > 0) living.delete(task.pid);
    } else if (kind === 15) task.childSubreaper = task.pid === pid || random(2) === 0;
    else if (kind === 16) task.comm = `c${random(4)}`;
    else if (kind === 17) task.threads.push({ tid: next++, comm: pick(["root", "io"]), set: random(options.sets) });
    else task.set = random(options.sets);
  }
  if (options.kind === "leader" && root.session !== pid) root.session = root.group = pid;
  return checkpointOf([...living.values()]);
}

/** Orders tasks as a checkpoint has them: parents first, siblings by pid. */
export function checkpointOf(tasks: readonly Task[], ownSet?: number): Checkpoint {
  const children = Map.groupBy(tasks.toSorted((a, b) => a.pid - b.pid), ({ parent }) => parent);
  const ordered = [...children.get(0) ?? []];
  for (const { pid } of ordered) ordered.push(...children.get(pid) ?? []);
  const withoutSets = ordered.map((task) => {
    if (task.state !== "zombie") return task;
    const { set: _, ...rest } = task;
    return rest;
  });
  const own = ownSet === undefined ? {} : { ownSet };
  return {
    imageVersion: 2,
    architecture: "x86_64",
    tasks: withoutSets,
    sets: new Map(),
    controllers: [],
    namespaces: new Set(),
    strangers: new Map(),
    ...own,
  };
}
