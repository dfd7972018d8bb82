/** Tasks of the fake kernel: who is whose, who has ended, and who may know. */

import type { FakeCgroup, FakeHierarchy } from "./fake_cgroups.ts";
import { DescriptorTable, Errno } from "./fake_nodes.ts";
import { AddressSpace } from "./fake_memory.ts";
import type { MountNamespace } from "./fake_mounts.ts";

const SIGKILL = 9;
const SIGCHLD = 17;
const SIGCONT = 18;
const STOPS = new Set([19, 20, 21, 22]);
const SIGSTOP = 19;
/** CHLD, CONT, URG, WINCH: nothing happens. */
const HARMLESS = new Set([SIGCHLD, SIGCONT, 23, 28]);
const REGISTERS = 27;

/** A pid namespace. */
export class PidNamespace {
  readonly tasks = new Map<number, FakeTask>();
  init: FakeTask | undefined;
  #next = 600;

  constructor(readonly parent: PidNamespace | undefined) {}

  /** Whether a number is in use: by a task, or as the id of a session or group. */
  isTaken(number: number): boolean {
    if (this.tasks.has(number)) return true;
    const means = (pid: FakePid) => pid.numbers.get(this) === number;
    return [...this.tasks.values()].some((task) => means(task.group) || means(task.session));
  }

  /** A number for a task that did not ask for one. */
  choose(): number {
    if (this.init === undefined) return 1;
    while (this.isTaken(this.#next)) this.#next++;
    return this.#next++;
  }
}

/** What identifies a task, in every pid namespace from its own one up. */
export class FakePid {
  readonly numbers = new Map<PidNamespace, number>();
}

/** Everything `FakeTask` starts with. */
export interface TaskBirth {
  readonly pid: FakePid;
  readonly namespace: PidNamespace;
  readonly comm: string;
  readonly mounts: MountNamespace;
}

/** A thread; the leader stands for the process. */
export class FakeTask {
  readonly pid: FakePid;
  readonly namespace: PidNamespace;
  namespaceForChildren: PidNamespace;
  leader: FakeTask = this;
  /** All threads that have not been reaped; the same set for all of them. */
  threads: Set<FakeTask> = new Set([this]);
  parent: FakeTask | undefined;
  group: FakePid;
  session: FakePid;
  comm: string;
  exitSignal = SIGCHLD;
  /** `running` is on its way to the next stop; `sleeping` will stay where it is. */
  state: "running" | "sleeping" | "traced" | "stopped" | "zombie" | "gone" = "sleeping";
  /** wait(2) status word of a zombie. */
  status = 0;
  tracer: FakeTask | undefined;
  /** The stop that the tracer has not waited for yet. */
  event: number | undefined;
  readonly pending: number[] = [];
  registers: BigUint64Array<ArrayBuffer> = new BigUint64Array(REGISTERS);
  /** Whether the tracer has set registers since the last stop. */
  isRedirected = false;
  memory = new AddressSpace();
  descriptors = new DescriptorTable();
  readonly cgroups = new Map<FakeHierarchy, FakeCgroup>();
  /** Paths of the roots that its cgroup namespace shows; `undefined` in the first one. */
  cgroupNamespace: ReadonlyMap<string, string> | undefined;
  mounts: MountNamespace;
  isSubreaper = false;
  hasSubreaper = false;
  /** Children vanish when they end: init. */
  autoReaps = false;
  umask = 0o22;
  /** What it does when it runs; yields whenever it may be interrupted. */
  program: Generator<ProgramStop, void, void> | undefined;
  /** The end that waits until a frozen task may run again. */
  dying: number | undefined;
  #isNotified = false;

  constructor({ pid, namespace, comm, mounts }: TaskBirth) {
    this.pid = pid;
    this.namespace = namespace;
    this.namespaceForChildren = namespace;
    this.group = pid;
    this.session = pid;
    this.comm = comm;
    this.mounts = mounts;
  }

  /** The number in the first pid namespace. */
  get id(): number {
    return this.pid.numbers.get(this.#firstNamespace) ?? 0;
  }

  get #firstNamespace(): PidNamespace {
    let namespace = this.namespace;
    while (namespace.parent !== undefined) namespace = namespace.parent;
    return namespace;
  }

  get isLeader(): boolean {
    return this.leader === this;
  }

  get isAlive(): boolean {
    return this.state !== "zombie" && this.state !== "gone";
  }

  /** Processes whose parent it is, zombies included. */
  get children(): FakeTask[] {
    return [...this.#firstNamespace.tasks.values()].filter((task) => task.isLeader && task.parent === this.leader);
  }

  /** Whether a v1 freezer keeps it from doing anything, even from dying. */
  get isDeeplyFrozen(): boolean {
    return [...this.cgroups].some(([hierarchy, cgroup]) => hierarchy.version === 1 && cgroup.isFrozen);
  }

  get isFrozen(): boolean {
    return [...this.cgroups.values()].some((cgroup) => cgroup.isFrozen);
  }

  /** Whether its end may be told: its threads are gone, and all of the namespace whose first task it is. */
  get isReportable(): boolean {
    if (this.state !== "zombie") return false;
    if (!this.isLeader) return true;
    if (this.threads.size > 1) return false;
    return this.namespace.init !== this || this.namespace.parent === undefined || this.namespace.tasks.size === 1;
  }

  // ---- signals

  /** Takes a signal, as kill(2) sends it. @param fromInside whether the sender is in the same pid namespace */
  signal(signal: number, fromInside: boolean): void {
    const { leader } = this;
    if (!leader.isAlive || signal === 0) return;
    const isProtected = leader.namespace.init === leader && (fromInside || (signal !== SIGKILL && signal !== SIGSTOP));
    if (leader.namespace.parent !== undefined && isProtected && leader.tracer === undefined) return;
    if (signal === SIGKILL) {
      if (leader.namespace.parent !== undefined && isProtected) return;
      return leader.end(SIGKILL);
    }
    if (signal === SIGCONT && leader.state === "stopped") leader.state = "sleeping";
    if (leader.tracer === undefined) return leader.deliver(signal);
    leader.pending.push(signal);
    if (leader.state === "sleeping") leader.state = "running";
  }

  /** Does what a signal does by default. */
  deliver(signal: number): void {
    if (HARMLESS.has(signal)) return;
    if (!STOPS.has(signal)) return this.end(signal);
    // Terminal stops do nothing in an orphaned process group (setpgid(2), signal(7)).
    if (signal !== SIGSTOP && this.#isInOrphanedGroup()) return;
    for (const thread of this.leader.threads) {
      if (thread.isAlive && thread.tracer === undefined) thread.state = "stopped";
    }
  }

  #isInOrphanedGroup(): boolean {
    return ![...this.namespace.tasks.values()].some((task) => (
      task.isLeader && task.isAlive && task.group === this.group && task.parent !== undefined &&
      task.parent.session === task.session && task.parent.group !== task.group
    ));
  }

  // ---- ending

  /** Ends the process with a wait(2) status word; later, where a v1 freezer holds it. */
  end(status: number): void {
    const { leader } = this;
    if (leader.isDeeplyFrozen) {
      leader.dying = status;
      return;
    }
    leader.dying = undefined;
    for (const thread of leader.threads) thread.#die(status);
    leader.descriptors = new DescriptorTable();
    if (leader.namespace.init === leader) leader.#endNamespace();
    else for (const child of leader.children) child.#adoptBy(leader.#findReaper());
    for (const thread of [...leader.threads]) if (!thread.isLeader && thread.tracer === undefined) thread.release();
    leader.notify();
  }

  /** zap_pid_ns_processes of kernel/pid_namespace.c: all others die, and are reaped unless somebody traces them. */
  #endNamespace(): void {
    for (const task of [...this.namespace.tasks.values()]) if (task.leader !== this && task.isLeader) task.end(SIGKILL);
    for (const child of this.children) child.#adoptBy(this);
  }

  #die(status: number): void {
    if (!this.isAlive) return;
    this.state = "zombie";
    this.status = status;
    this.event = undefined;
    this.program = undefined;
    this.memory = new AddressSpace();
    for (const cgroup of this.cgroups.values()) {
      cgroup.members.delete(this);
      cgroup.lingers = true;
    }
  }

  /** find_new_reaper of kernel/exit.c. */
  #findReaper(): FakeTask | undefined {
    const { namespace } = this;
    for (let task = this.parent; this.hasSubreaper && task?.namespace === namespace; task = task.parent) {
      if (task.isSubreaper && task.isAlive) return task;
    }
    return namespace.init;
  }

  #adoptBy(reaper: FakeTask | undefined): void {
    this.parent = reaper;
    this.#isNotified = false;
    this.notify();
  }

  /** Tells the parent of the end, once it may know; init forgets it at once. */
  notify(): void {
    if (!this.isReportable || this.#isNotified) return;
    if (this.tracer !== undefined && this.tracer !== this.parent) return;
    this.#isNotified = true;
    const isDyingInit = this.parent?.namespace.init === this.parent && this.parent?.isAlive === false;
    if (this.parent === undefined || this.parent.autoReaps || isDyingInit) return this.release();
    if (this.parent.tracer !== undefined && this.parent.isAlive) this.parent.pending.push(SIGCHLD);
  }

  /** Takes it away for good. */
  release(): void {
    this.state = "gone";
    this.tracer = undefined;
    this.leader.threads.delete(this);
    for (const [namespace, number] of this.pid.numbers) namespace.tasks.delete(number);
    if (!this.isLeader) this.leader.notify();
    for (const namespace of this.pid.numbers.keys()) if (namespace.init !== this) namespace.init?.notify();
  }

  // ---- waiting

  /** What wait(2) with __WALL has to tell the caller of `id`, or -1 for any; `undefined` for nothing yet. */
  collect(id: number): { readonly id: number; readonly status: number } | undefined {
    const waitable = [...this.namespace.tasks].filter(([number, task]) => (
      (id === -1 || number === id) && (task.tracer === this || (task.isLeader && task.parent === this))
    ));
    if (waitable.length === 0) throw new Errno("ECHILD");
    for (const [number, task] of waitable) {
      const status = task.#tell(this);
      if (status !== undefined) return { id: number, status };
    }
    return undefined;
  }

  #tell(waiter: FakeTask): number | undefined {
    if (this.tracer === waiter && this.isAlive) {
      const { event } = this;
      this.event = undefined;
      return event;
    }
    if (!this.isReportable || (this.tracer !== undefined && this.tracer !== waiter)) return undefined;
    const isTracer = this.tracer === waiter;
    this.tracer = undefined;
    if (!isTracer || !this.isLeader || this.parent === waiter) this.release();
    else this.notify();
    return this.status;
  }
}

/** Why a program pauses: it trapped or faulted with a signal, waits for something, or is between two calls. */
export type ProgramStop =
  | { readonly kind: "signal"; readonly signal: number }
  | { readonly kind: "blocked" }
  | { readonly kind: "hold" }
  | { readonly kind: "ready" };
