import { randomFrom } from "../support/random_history.ts";

/** One cgroup of a place: the file to write "0" to moves the caller. */
export interface PlaceFile {
  /** For the whole process. */
  readonly procs: string;
  /** For one thread; absent where the hierarchy cannot move single threads. */
  readonly tasks?: string;
}

/** Where a task can be put: files of some hierarchies. The first place is the root's. */
export type Places = readonly (readonly PlaceFile[])[];

interface Member {
  readonly pid: number;
  parent: number;
  group: number;
  session: number;
  state: "alive" | "stopped" | "zombie";
}

/** A script for `tree_program`, written by asking for what shall happen. Pids ascend from `base`. */
export class TreeScript {
  readonly root: number;
  readonly #lines: string[] = [];
  readonly #members = new Map<number, Member>();
  readonly #places: Places;
  #next: number;

  constructor(base: number, places: Places) {
    this.root = base;
    this.#next = base + 1;
    this.#places = places;
    this.#members.set(base, { pid: base, parent: 0, group: base, session: base, state: "alive" });
    this.#lines.push(`${base} subreaper 1`);
    this.name(base, "tree root");
    this.move(base, 0);
  }

  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  /** Of the tasks that are there in the end, zombies included. */
  get pids(): number[] {
    return [...this.#members.keys()].sort((a, b) => a - b);
  }

  /** Every id the script uses. */
  get ids(): number[] {
    return Array.from({ length: this.#next - this.root }, (_, index) => this.root + index);
  }

  get alive(): number[] {
    return [...this.#members.values()].filter(({ state }) => state === "alive").map(({ pid }) => pid);
  }

  get placeCount(): number {
    return this.#places.length;
  }

  fork(parent: number): number {
    const pid = this.#next++;
    this.#do(parent, `fork ${pid}`);
    this.#members.set(pid, { ...this.#get(parent), pid, parent, state: "alive" });
    return pid;
  }

  thread(pid: number): number {
    const tid = this.#next++;
    this.#do(pid, `thread ${tid}`);
    return tid;
  }

  name(id: number, comm: string): void {
    this.#do(id, `name ${comm}`);
  }

  /** Whether `setsid` works: not for leaders of a group. */
  canLeadSession(pid: number): boolean {
    return [...this.#members.values()].every(({ group }) => group !== pid);
  }

  setsid(pid: number): void {
    this.#do(pid, "setsid");
    Object.assign(this.#get(pid), { session: pid, group: pid });
  }

  /** The groups that `pid` can enter; its own pid makes a new one. */
  groupsFor(pid: number): number[] {
    const { session } = this.#get(pid);
    if (session === pid) return [];
    const inSession = [...this.#members.values()].filter((member) => member.session === session);
    return [...new Set([pid, ...inSession.map(({ group }) => group)])];
  }

  setpgid(pid: number, group: number): void {
    this.#do(pid, `setpgid ${group}`);
    this.#get(pid).group = group;
  }

  /** Moves a process to a place, in every hierarchy of the place. */
  move(pid: number, place: number): void {
    for (const { procs } of this.#places[place % this.#places.length]!) this.#do(pid, `write ${procs} 0`);
  }

  /** Moves one thread, where the hierarchies can. */
  moveThread(tid: number, place: number): void {
    for (const { tasks } of this.#places[place % this.#places.length]!) {
      if (tasks !== undefined) this.#do(tid, `write ${tasks} 0`);
    }
  }

  /** Ends a task; its children become the root's. It stays a zombie unless it is reaped. */
  exit(pid: number, code: number): void {
    this.#end(pid, `exit ${code}`);
  }

  die(pid: number, signal: number): void {
    this.#end(pid, `die ${signal}`);
  }

  reap(pid: number): void {
    this.#do(this.#get(pid).parent, `reap ${pid}`);
    this.#members.delete(pid);
  }

  /** Nothing may be asked of the task afterwards. */
  stop(pid: number, signal: number): void {
    this.#do(pid, `stop ${signal}`);
    this.#do(this.#get(pid).parent, `stopped ${pid}`);
    this.#get(pid).state = "stopped";
  }

  parentOf(pid: number): number {
    return this.#get(pid).parent;
  }

  #end(pid: number, how: string): void {
    this.#do(pid, how);
    this.#do(this.#get(pid).parent, `await ${pid}`);
    this.#get(pid).state = "zombie";
    for (const child of this.#members.values()) if (child.parent === pid) child.parent = this.root;
  }

  #do(id: number, what: string): void {
    this.#lines.push(`${id} ${what}`);
  }

  #get(pid: number): Member {
    const member = this.#members.get(pid);
    if (member === undefined) throw new Error(`The script has no task ${pid}`);
    return member;
  }
}

const SIGKILL = 9, SIGTERM = 15, SIGSTOP = 19, SIGTSTP = 20;

/** Trees by name; each is built by a function of a fresh script. */
export const TREES: Readonly<Record<string, (tree: TreeScript) => void>> = {
  "one task": () => {},
  "a star": (tree) => {
    for (let count = 0; count < 24; count++) {
      const worker = tree.fork(tree.root);
      tree.name(worker, `worker ${count}`);
      tree.move(worker, 1 + count % 3);
    }
  },
  "a chain": (tree) => {
    let last = tree.root;
    for (let count = 0; count < 16; count++) {
      last = tree.fork(last);
      tree.move(last, count);
    }
  },
  "a master whose workers live elsewhere": (tree) => {
    const master = tree.fork(tree.root);
    tree.move(master, 1);
    for (let count = 0; count < 8; count++) tree.move(tree.fork(master), 2);
    tree.move(tree.fork(tree.root), 3);
  },
  "a bushy tree of 60": (tree) => {
    const random = randomFrom(60);
    const grown = [tree.root];
    while (grown.length < 60) {
      const child = tree.fork(grown[random(grown.length)]!);
      grown.push(child);
      if (random(3) === 0) tree.move(child, random(tree.placeCount));
    }
  },
  "sessions and groups whose leaders are gone": buildGoneLeaders,
  "zombies": (tree) => {
    for (const code of [0, 1, 7, 255]) tree.exit(tree.fork(tree.root), code);
    for (const signal of [SIGKILL, SIGTERM, 1]) tree.die(tree.fork(tree.root), signal);
    const parent = tree.fork(tree.root);
    tree.move(parent, 2);
    const zombie = tree.fork(parent);
    tree.name(zombie, "late (child)");
    tree.setsid(zombie);
    tree.exit(zombie, 3);
  },
  "threads in other cgroups": (tree) => {
    for (let count = 0; count < 3; count++) {
      const pid = tree.fork(tree.root);
      tree.move(pid, count);
      for (let thread = 0; thread < 4; thread++) {
        const tid = tree.thread(pid);
        tree.name(tid, `io ${count}/${thread}`);
        if (thread > 0) tree.moveThread(tid, count + thread);
      }
      tree.move(tree.fork(pid), count + 1);
    }
  },
  "stopped tasks": (tree) => {
    const shell = tree.fork(tree.root);
    tree.setpgid(shell, shell);
    const job = tree.fork(shell);
    tree.setpgid(job, job);
    tree.move(job, 1);
    const helper = tree.fork(job);
    tree.thread(helper);
    tree.stop(helper, SIGSTOP);
    tree.stop(job, SIGTSTP);
    tree.stop(tree.fork(tree.root), SIGSTOP);
  },
  "a random history of 30 events": (tree) => buildRandomHistory(tree, 11, 30),
  "a random history of 100 events": (tree) => buildRandomHistory(tree, 12, 100),
  "a random history of 160 events": (tree) => buildRandomHistory(tree, 13, 160),
};

function buildGoneLeaders(tree: TreeScript): void {
  // A daemon: its session's leader is gone, and so is its parent.
  const leader = tree.fork(tree.root);
  tree.setsid(leader);
  const daemon = tree.fork(leader);
  tree.move(daemon, 1);
  tree.name(daemon, "daemon");
  const worker = tree.fork(daemon);
  tree.exit(leader, 0);
  tree.reap(leader);
  // A pipeline in that session, whose first part is gone.
  const first = tree.fork(daemon);
  tree.setpgid(first, first);
  const second = tree.fork(daemon);
  tree.setpgid(second, first);
  tree.exit(first, 0);
  tree.reap(first);
  tree.setpgid(worker, worker);
  // A group in the root's session, whose leader is gone, with members at two depths.
  const group = tree.fork(tree.root);
  tree.setpgid(group, group);
  const member = tree.fork(group);
  tree.fork(member);
  tree.exit(group, 0);
  tree.reap(group);
  // A session within a session; its leader is a zombie.
  const inner = tree.fork(second);
  tree.setsid(inner);
  tree.move(tree.fork(inner), 2);
  tree.exit(inner, 5);
}

function buildRandomHistory(tree: TreeScript, seed: number, events: number): void {
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  for (let event = 0; event < events; event++) {
    const pid = pick(tree.alive);
    const kind = random(20);
    if (kind < 9) tree.fork(pid);
    else if (kind < 11 && tree.canLeadSession(pid)) tree.setsid(pid);
    else if (kind < 13 && tree.groupsFor(pid).length > 0) tree.setpgid(pid, pick(tree.groupsFor(pid)));
    else if (kind < 15 && pid !== tree.root) {
      const parent = tree.parentOf(pid);
      tree.exit(pid, random(256));
      if (tree.alive.includes(parent) && random(4) > 0) tree.reap(pid);
    } else if (kind === 15) tree.name(pid, `c${event}`);
    else if (kind === 16) tree.moveThread(tree.thread(pid), random(tree.placeCount));
    else if (kind > 16) tree.move(pid, random(tree.placeCount));
  }
}
