import { orUndefined } from "../errors.ts";
import { NS_GET_PARENT, O_DIRECTORY, O_RDONLY } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { parseStatus, type ProcStatus } from "./parse_status.ts";

/** Which pids are in use in a pid namespace. */
export interface PidTable {
  /** The pid in ours of the task or thread that has the pid `pid` there; `undefined` when nobody has. */
  readonly taskWith: (pid: number) => number | undefined;
  /** The id in ours of the process group or session that has this id there; `undefined` when none has. */
  readonly groupWith: (id: number) => number | undefined;
}

/** What can be seen of another pid namespace. */
export interface ForeignPids extends PidTable {
  /** Whether nobody is in it: one that is not below ours looks like that, and one whose first process has ended. */
  readonly isEmpty: boolean;
}

/** Tasks and threads may be gone when they are looked at, and those of other users may not be looked at. */
const GONE = ["ENOENT", "ESRCH"];
const FORBIDDEN = ["EACCES", "EPERM"];
const UNSEEN = [...GONE, ...FORBIDDEN];

/** Pids of our own pid namespace. */
export function ownPids(sys: Sys): PidTable {
  return {
    taskWith: (pid) => sys.taskExists(pid) ? pid : undefined,
    groupWith: (id) => sys.groupExists(id) ? id : undefined,
  };
}

/**
 * Pids of the pid namespace that /proc calls `link`, `"pid:[4026532177]"`, as far as they may be looked at: it and those
 * further down are looked for among the tasks of our own. NSpid, NSpgid and NSsid of proc_pid_status(5) have a number for
 * each namespace from ours down to the task's own.
 */
export function describePids(sys: Sys, link: string): ForeignPids {
  const tasks = new Map<number, number>();
  const groups = new Map<number, number>();
  const depths = new Depths(sys, link);
  for (const pid of numbersIn(sys, "/proc")) {
    const depth = depths.of(pid, statusOf(sys, pid).words("NSpid").length);
    if (depth === undefined) continue;
    for (const tid of numbersIn(sys, `/proc/${pid}/task`)) {
      const status = statusOf(sys, tid);
      note(tasks, status.words("NSpid"), depth);
      for (const name of ["NSpgid", "NSsid"]) note(groups, status.words(name), depth);
    }
  }
  return { taskWith: (pid) => tasks.get(pid), groupWith: (id) => groups.get(id), isEmpty: depths.haveNone };
}

/** What is 0 there has its leader outside. */
function note(table: Map<number, number>, numbers: readonly string[], depth: number): void {
  const [here, inside] = [numbers[0], numbers.at(-1 - depth)].map(Number);
  if (here && inside) table.set(inside, here);
}

/** Also of a thread; without a word when it has gone. */
function statusOf(sys: Sys, pid: number): ProcStatus {
  return parseStatus(orUndefined(UNSEEN, () => readText(sys, `/proc/${pid}/status`)) ?? "");
}

/** How far below a pid namespace others are. */
class Depths {
  readonly #sys: Sys;
  readonly #link: string;
  readonly #isOwn: boolean;
  readonly #known = new Map<string, number | undefined>();
  /** Whether all were elsewhere, as far as there were any. */
  haveNone = true;

  constructor(sys: Sys, link: string) {
    this.#sys = sys;
    this.#link = link;
    this.#isOwn = sys.readLink("/proc/self/ns/pid") === link;
  }

  /**
   * 0 for a task in the namespace itself; `undefined` for one that is not below it.
   *
   * @param levels how many namespaces there are from ours down to the task's own
   */
  of(pid: number, levels: number): number | undefined {
    if (levels === 0) return undefined;
    const depth = this.#isOwn || levels === 1 ? this.#ofOwn(levels - 1) : this.#ofOther(`/proc/${pid}/ns/pid`);
    if (depth !== undefined) this.haveNone = false;
    return depth;
  }

  #ofOwn(depth: number): number | undefined {
    return this.#isOwn ? depth : undefined;
  }

  #ofOther(path: string): number | undefined {
    const link = orUndefined(GONE, () => this.#readLink(path));
    if (link === undefined) return undefined;
    if (!this.#known.has(link)) this.#known.set(link, this.#measure(path));
    return this.#known.get(link);
  }

  /** Of whom nothing may be seen, it is not known where they are. */
  #readLink(path: string): string | undefined {
    const link = orUndefined(FORBIDDEN, () => this.#sys.readLink(path));
    if (link === undefined) this.haveNone = false;
    return link;
  }

  /** Goes through the parents, up to our own: of those above, the kernel tells nothing (ioctl_nsfs(2)). */
  #measure(path: string): number | undefined {
    const opened: number[] = [];
    try {
      let fd = orUndefined(UNSEEN, () => this.#sys.open(path, O_RDONLY));
      for (let depth = 0; fd !== undefined; depth++) {
        const current = fd;
        opened.push(current);
        if (this.#sys.readLink(`/proc/self/fd/${current}`) === this.#link) return depth;
        fd = orUndefined(["EPERM"], () => this.#sys.ioctl(current, NS_GET_PARENT, new Uint8Array()));
      }
      return undefined;
    } finally {
      for (const fd of opened) this.#sys.close(fd);
    }
  }
}

function numbersIn(sys: Sys, path: string): number[] {
  const directory = orUndefined(UNSEEN, () => sys.open(path, O_RDONLY | O_DIRECTORY));
  if (directory === undefined) return [];
  try {
    const entries = orUndefined(UNSEEN, () => sys.readDirectory(directory)) ?? [];
    return entries.flatMap(({ name }) => /^\d+$/.test(name) ? [Number(name)] : []);
  } finally {
    sys.close(directory);
  }
}
