import { orUndefined, SysError } from "../errors.ts";
import type { ContentsPlan } from "../plan/contents/contents_plan.ts";
import type { FileStep } from "../plan/contents/file_step.ts";
import {
  COORDINATOR,
  deputyId,
  type Ending,
  type Entrance,
  type ExpectedTask,
  isDeputy,
  type Plan,
  type TaskProgram,
  type TaskStep,
} from "../plan/plan.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { stopped } from "../sys/wait_status.ts";
import type { Architecture } from "../tracee/architecture.ts";
import {
  cleaningSize,
  type Coordinator,
  reserveCoordinatorSlot,
  type Sibling,
  type SiblingOptions,
  startCoordinator,
} from "../tracee/coordinator.ts";
import { haltTask } from "../tracee/halt.ts";
import { dataSizeOf, type RemoteCall } from "../tracee/remote_call.ts";
import { Slots } from "../tracee/slots.ts";
import { Tracee, type TraceeContext } from "../tracee/tracee.ts";
import type { ObservedNamespaces } from "../verify/contents/verify_namespaces.ts";
import {
  compileCloseAll,
  type CompileContext,
  compileDeputy,
  compileEnding,
  compileJoinPidNamespace,
  compileNewPidNamespace,
  compileStep,
} from "./compile_program.ts";
import { arenaSize } from "./contents/arena_size.ts";
import { ContentsRun } from "./contents/restore_contents.ts";
import { Reaper } from "./reaper.ts";
import type { Targets } from "./targets.ts";

/** Where the agent goes in placeholders, which have nothing else in their address space. */
const AGENT_BASE = 0x40000;
/** All descriptors are below it. */
const DESCRIPTORS_END = 2 ** 32;

/** So many births are run in one go: while a maker makes the next ones, those made are set going. */
const BIRTHS_PER_RUN = 64;

/** In a status of wait(2). */
const TERMINATION_SIGNAL = 0x7f;
const SIGSTOP = 19;
const BIRTH_TIMEOUT_MS = 10_000;

/** A task or thread: its table, and from its birth on its tracee. */
interface Actor {
  readonly id: number;
  readonly calls: readonly RemoteCall[];
  /** Whom each call of the table makes; `undefined` for other calls. */
  readonly births: readonly (number | undefined)[];
  /** How many calls of the table are made before namespaces are filled. */
  readonly early: number;
  /** Whether results in its slot are of its table. */
  isLoaded: boolean;
  readonly slot: number;
  tracee?: Tracee;
  /** It has ended, and is a zombie or gone. */
  ended: boolean;
}

export interface TaskTreeOptions {
  readonly architecture: Architecture;
  readonly targets: Targets;
  /** Whether every task is to be stopped in the end (SIGSTOP). */
  readonly leaveStopped: boolean;
  /** For `CoordinatorOptions.agentFile`. */
  readonly agentFile: number | undefined;
  /** Called between steps; throws when the user wants an end. */
  readonly checkpoint: () => void;
  /** As of `ExecuteOptions`. */
  readonly onNamespaces: (action: NamespaceAction, rootPid: number) => void;
  /** Told what the user should know. */
  readonly note: (text: string) => void;
}

/** What is done with namespaces of the tasks: they are made, and get what they had. */
export type NamespaceAction = "setup-namespaces" | "post-setup-namespaces";

/** The tasks of a plan, from their making to their release. */
export class TaskTree {
  readonly #sys: Sys;
  readonly #plan: Plan;
  readonly #options: TaskTreeOptions;
  readonly #context: TraceeContext;
  readonly #compile: CompileContext;
  readonly #actors = new Map<number, Actor>();
  readonly #contents: ContentsRun | undefined;
  readonly #reaper: Reaper;
  /** Pids of those that have the descriptors of their maker. */
  readonly #sharers: ReadonlySet<number>;
  /** Pids on this host of those in another pid namespace that have told of their birth, by their pids inside. */
  readonly #byInnerPid = new Map<number, number>();
  /** Those pids on this host: each is looked up once. */
  readonly #withInnerPid = new Set<number>();
  #coordinatorPid: number | undefined;
  /** The root's, where it is no child of ours. */
  #siblingPid: number | undefined;
  #coordinator: Coordinator | undefined;

  constructor(sys: Sys, plan: Plan, options: TaskTreeOptions) {
    this.#sys = sys;
    this.#plan = plan;
    this.#options = options;
    this.#reaper = new Reaper(sys, { rootIsSibling: plan.rootIsSibling });
    this.#sharers = new Set(plan.tasks.flatMap(({ steps }) =>
      steps.flatMap((step) => (
        step.kind === "create-task" && step.sharesDescriptors === true ? [step.pid] : []
      ))
    ));
    this.#context = {
      sys,
      architecture: options.architecture,
      slots: new Slots(),
      base: plan.contents?.free.start ?? AGENT_BASE,
      pending: new Map(),
    };
    this.#contents = plan.contents === undefined ? undefined : this.#prepareContents(plan.contents);
    this.#compile = this.#prepareActors();
  }

  /** Makes every task and thread, each in its place and with its session; then does the plan's endings. */
  create(): void {
    const coordinator = startCoordinator(this.#context, {
      keep: this.#keptDescriptors(),
      onSpawn: (pid) => this.#coordinatorPid = pid,
      agentFile: this.#options.agentFile,
      blocksSignals: this.#contents !== undefined,
      sibling: this.#siblingOptions(),
    });
    this.#coordinator = coordinator;
    this.#contents?.prepare(coordinator.sibling?.tracee);
    this.#actor(COORDINATOR).tracee = coordinator.tracee;
    if (coordinator.sibling === undefined) this.#makeRoot();
    else this.#join(coordinator.sibling);
    if (this.#contents?.namespaces.entersLate === true) this.#contents.namespaces.make();
    this.#beginRoot();
    this.#setUpNamespaces();
    for (const actor of this.#actors.values()) {
      if (actor.id === COORDINATOR || isDeputy(actor.id)) continue;
      this.#context.slots.load(actor.slot, actor.calls);
      actor.isLoaded = true;
      this.#context.slots.select(actor.slot, actor.early, runEnd(actor, actor.early));
    }
    this.#followBirths([this.#startRoot()]);
    this.#contents?.openHelperFiles();
    for (const ending of this.#plan.endings) this.#end(ending);
    this.#closeLeftOpen();
    if (this.#contents === undefined) return;
    for (const { pid, threads, stopSignal } of this.#stoppedTasks()) {
      haltTask(this.#traceeOf(pid), threads.map(({ tid }) => this.#traceeOf(tid)), stopSignal);
    }
    const contents = this.#contents;
    this.#withDeputies(this.#plan.contents?.lateFiles ?? [], () => contents.makeLateFiles());
    contents.restore();
  }

  /**
   * Has files made, also by those deputies that are needed, who are made for that: the kernel chooses their pids, so no
   * task may be made meanwhile.
   */
  #withDeputies(steps: readonly FileStep[], makeFiles: () => void): void {
    const numbers = [...new Set(steps.flatMap(({ deputy }) => deputy ?? []))];
    this.#makeDeputies(numbers);
    makeFiles();
    for (const number of numbers) this.#endDeputy(deputyId(number));
  }

  #makeDeputies(numbers: readonly number[]): void {
    if (numbers.length === 0) return;
    const coordinator = this.#actor(COORDINATOR);
    const deputies = numbers.map((number) => this.#actor(deputyId(number)));
    for (const { slot, calls } of deputies) this.#context.slots.load(slot, calls);
    coordinator.tracee?.run(numbers.map((number) => (
      compileDeputy(this.#compile, number, this.#deputies[number]?.into)
    )));
    deputies.forEach((deputy, index) => {
      deputy.tracee = new Tracee(this.#context, this.#context.slots.result(coordinator.slot, index), deputy.slot);
      deputy.tracee.adopt(deputy.calls);
      deputy.tracee.finish();
    });
  }

  #endDeputy(id: number): void {
    const actor = this.#actor(id);
    const child = this.hostPid(id);
    this.#end({ pid: id, step: { kind: "exit", status: 0 } });
    this.#end({ pid: COORDINATOR, step: { kind: "reap", child } });
    delete actor.tracee;
  }

  get #deputies(): readonly Entrance[] {
    return this.#plan.contents?.deputies ?? [];
  }

  #stoppedTasks(): ExpectedTask[] {
    const { leaveStopped } = this.#options;
    return this.#plan.expectedTasks.filter(({ state }) => state === "stopped" || (state === "alive" && leaveStopped));
  }

  /** The pid by which this host knows a task or thread of the plan. */
  hostPid(id: number): number {
    const pid = this.#actor(id).tracee?.pid;
    if (pid === undefined) throw new RangeError(`Cannot use task ${id}: it has not been made`);
    return pid;
  }

  /** Lets connections go on, which others see; everything else has been done then. */
  resumeConnections(): void {
    this.#contents?.resumeConnections();
  }

  /** Undoes `resumeConnections`; before `kill`. */
  suspendConnections(): void {
    this.#contents?.suspendConnections();
  }

  /** Lets every task go, stopped ones (or all) stopped, and ends the coordinator. There is no way back. */
  release(): void {
    if (this.#contents !== undefined) this.#contents.release();
    else this.#releasePlaceholders();
    if (this.#coordinatorPid !== undefined) this.#reaper.end([this.#coordinatorPid], { all: false });
    this.#coordinator?.release();
  }

  #releasePlaceholders(): void {
    // They would not be stopped by the signals of terminals for sure, and nobody can tell the difference.
    for (const { pid } of this.#stoppedTasks()) this.#sys.kill(this.hostPid(pid), SIGSTOP);
    for (const actor of this.#actors.values()) {
      if (actor.id !== COORDINATOR && !actor.ended) actor.tracee?.release(0);
    }
  }

  /** What the namespaces are like that the tasks were put into, when all is done; absent for placeholders. */
  observeNamespaces(): ObservedNamespaces | undefined {
    return this.#contents?.namespaces.observe();
  }

  /** Descriptors of ours for the masters of terminals that the caller gets; closed by whoever gets them. */
  takeMasters(): readonly number[] {
    return this.#contents?.takeMasters() ?? [];
  }

  /** Where cgrestore finds what is at `path` for the tasks. */
  pathFromHere(path: string): string {
    return this.#contents?.namespaces.pathFromHere(path) ?? path;
  }

  /** Removes the names that were made in the file system for what the tasks hold; before `kill`. */
  removeNames(): void {
    this.#contents?.removeNames();
  }

  /** Keeps these names, and removes what was in their way; before `release`. */
  keepNames(): void {
    this.#contents?.keepNames();
  }

  /** Comes after `kill`: waits until nothing is left of devices that were made outside of the tasks' net namespace. */
  awaitOuterEnds(): void {
    this.#contents?.namespaces.network.awaitOuterEnds();
  }

  /** Ends all that has been made, and waits until it is gone. */
  kill(): void {
    try {
      this.#reaper.end(this.#everyPid(), { all: true });
      this.#reaper.endUnknown();
    } finally {
      this.#coordinator?.release();
    }
  }

  // -- making ------------------------------------------------------------------------------------------------------

  #prepareContents(contents: ContentsPlan): ContentsRun {
    this.#context.slots.reserveArena(arenaSize(contents));
    const comms = this.#comms();
    return new ContentsRun(contents, {
      context: this.#context,
      coordinator: () => this.#traceeOf(COORDINATOR),
      traceeOf: (id) => this.#traceeOf(id),
      nameOf: (id) => `task ${id} "${comms.get(id) ?? "?"}"`,
      hostPid: (id) => this.#actors.get(id)?.tracee?.pid ?? this.#outsider(id),
      hostGroup: (id) => this.#hostGroup(id),
      taken: this.#keptDescriptors(),
      checkpoint: this.#options.checkpoint,
      note: this.#options.note,
    });
  }

  /** The leader may be gone, so a member is asked. */
  #hostGroup(id: number): number {
    if (!this.#hasOwnPids) return id;
    const member = this.#plan.expectedTasks.find(({ group }) => group === id);
    return member === undefined ? this.#outsider(id) : this.#sys.getpgid(this.hostPid(member.pid));
  }

  /** On this host, the pid or the id of a group of who is not part of the plan. */
  #outsider(id: number): number {
    return this.#plan.joinedPidNamespace?.outsiders.get(id) ?? id;
  }

  /** Whether pids in the plan are those of a pid namespace other than ours. */
  get #hasOwnPids(): boolean {
    return this.#plan.newPidNamespace || this.#plan.joinedPidNamespace !== undefined;
  }

  /** Those that the coordinator is born with; ascending. */
  #keptDescriptors(): number[] {
    const { contents, joinedPidNamespace, rootIsSibling } = this.#plan;
    const kept = contents?.keptDescriptors ?? [];
    const entered = joinedPidNamespace === undefined || rootIsSibling ? [] : [joinedPidNamespace.fd];
    return [...new Set([...this.#options.targets.descriptors, ...kept, ...entered])].sort((a, b) => a - b);
  }

  #traceeOf(id: number): Tracee {
    const tracee = id === COORDINATOR ? this.#coordinator?.tracee : this.#actor(id).tracee;
    if (tracee === undefined) throw new RangeError(`Cannot use task ${id}: it has not been made`);
    return tracee;
  }

  /** Names of tasks and threads. */
  #comms(): Map<number, string> {
    return new Map(this.#plan.tasks.flatMap((task) => [
      [task.pid, task.comm] as const,
      ...task.threads.map((thread) => [thread.tid, thread.comm] as const),
    ]));
  }

  #prepareActors(): CompileContext {
    const { slots, architecture } = this.#context;
    const { targets } = this.#options;
    reserveCoordinatorSlot(slots, this.#keptDescriptors().length);
    // Slots are numbered in the order of `ids`: the coordinator has the first.
    const ids = [
      COORDINATOR,
      ...this.#plan.tasks.flatMap((task) => [task.pid, ...task.threads.map(({ tid }) => tid)]),
      ...this.#deputies.keys().map(deputyId),
    ];
    const slotOf = new Map(ids.map((id, slot) => [id, slot]));
    const comms = this.#comms();
    const context: CompileContext = {
      numbers: architecture.syscall,
      attachTarget: (step) => targets.attachTarget(step),
      birthPlace: (path) => targets.birthPlace(path),
      slotOf: (id) => slotOf.get(id) ?? 0,
      commOf: (id) => comms.get(id) ?? "?",
    };
    this.#addActor(context, COORDINATOR, this.#plan.coordinator, []);
    const entry = this.#compilePidNamespace(context);
    if (entry !== undefined && !this.#plan.rootIsSibling) {
      const actor = this.#actor(COORDINATOR);
      const calls = [entry, ...actor.calls];
      this.#actors.set(COORDINATOR, { ...actor, calls, births: [undefined, ...actor.births] });
    }
    for (const task of this.#plan.tasks) {
      const closing = this.#closesLater(task) ? [] : [compileCloseAll(context.numbers, task.pid, this.#descriptorsEnd)];
      this.#addActor(context, task.pid, task.steps, closing);
      for (const thread of task.threads) this.#addActor(context, thread.tid, thread.steps, []);
    }
    for (const [number, { moves }] of this.#deputies.entries()) this.#addActor(context, deputyId(number), moves, []);
    return context;
  }

  /** What has the coordinator make the root task in another pid namespace than ours. */
  #compilePidNamespace({ numbers }: CompileContext): RemoteCall | undefined {
    const { newPidNamespace, joinedPidNamespace } = this.#plan;
    if (joinedPidNamespace !== undefined) return compileJoinPidNamespace(numbers, joinedPidNamespace);
    return newPidNamespace ? compileNewPidNamespace(numbers) : undefined;
  }

  /** A root that we make ourselves is cleaned in its own slot. */
  #reserveSlot(id: number, calls: readonly RemoteCall[]): number {
    const { slots } = this.#context;
    if (!this.#plan.rootIsSibling || id !== this.#rootId) return slots.measure(calls);
    const { entries, data } = cleaningSize(this.#options.targets.descriptors.length + 1);
    return slots.reserve(Math.max(calls.length, entries), Math.max(dataSizeOf(calls), data));
  }

  #addActor(context: CompileContext, id: number, steps: readonly TaskStep[], closing: readonly RemoteCall[]): void {
    const calls: RemoteCall[] = [];
    const births: (number | undefined)[] = [];
    // Deputies are born where the coordinator is by then.
    const isTask = id !== COORDINATOR && !isDeputy(id);
    const entersLate = this.#contents?.namespaces.entersLate === true;
    const entry = isTask ? this.#contents?.namespaces.compileNestedEntry(id) ?? [] : [];
    if (!entersLate) calls.push(...entry);
    let early = 0;
    for (const step of steps) {
      if (step.kind === "fill-namespaces") early = calls.length;
      else if (step.kind === "restore-memory") calls.push(...this.#contents?.compileMemory(id) ?? []);
      else if (step.kind === "take-terminal") calls.push(...this.#contents?.compileTerminal(id) ?? []);
      else calls.push(compileStep(context, id, step));
      births[calls.length - 1] = bornBy(step);
    }
    if (isTask && entersLate) calls.push(...this.#contents?.namespaces.compileEntry() ?? [], ...entry);
    calls.push(...closing);
    const slot = id === COORDINATOR ? 0 : this.#reserveSlot(id, calls);
    this.#actors.set(id, { id, calls, births, early, slot, isLoaded: false, ended: false });
  }

  #siblingOptions(): SiblingOptions | undefined {
    const { rootIsSibling, newPidNamespace, joinedPidNamespace } = this.#plan;
    if (!rootIsSibling) return undefined;
    const { id: pid, slot } = this.#actor(this.#rootId);
    const newUserNamespace = this.#contents?.namespaces.isBornInUserNamespace === true;
    const joined = joinedPidNamespace === undefined ? {} : { pidNamespace: joinedPidNamespace.fd };
    return { pid, slot, newPidNamespace, ...joined, newUserNamespace, onSpawn: (made) => this.#siblingPid = made };
  }

  get #rootId(): number {
    return this.#plan.expectedTasks[0]?.pid ?? 0;
  }

  /** The root has not inherited the coordinator's descriptors: it gets the one by which it can fetch them. */
  #join({ tracee, coordinatorDescriptor }: Sibling): void {
    this.#actor(this.#rootId).tracee = tracee;
    this.#contents?.join(tracee, coordinatorDescriptor);
  }

  /** The coordinator makes the root, which parks at once. */
  #makeRoot(): void {
    const coordinator = this.#actor(COORDINATOR);
    const root = this.#actor(this.#rootId);
    this.#context.slots.load(root.slot, []);
    this.#context.slots.select(root.slot, 0, 0);
    coordinator.isLoaded = true;
    coordinator.tracee?.run(coordinator.calls);
    this.#adopt(coordinator, 0, coordinator.calls.length);
    root.tracee?.finish(0);
  }

  /** What the root does before it fills namespaces: above all it goes to the cgroups that are charged for that. */
  #beginRoot(): void {
    const { calls, early, tracee } = this.#actor(this.#rootId);
    if (early === 0 || tracee === undefined) return;
    tracee.start(calls.slice(0, early));
    this.#makeUseOfWaiting(tracee);
    tracee.finish();
  }

  /** The root is in the namespaces of the tasks, and has nothing of its own yet. */
  #setUpNamespaces(): void {
    const root = this.#traceeOf(this.#rootId);
    const hasOwn = this.#plan.namespaces.length > 0;
    const run = (action: NamespaceAction) => hasOwn && this.#options.onNamespaces(action, root.pid);
    run("setup-namespaces");
    this.#contents?.namespaces.fill(root, this.#plan);
    run("post-setup-namespaces");
    this.#withDeputies(this.#plan.contents?.earlyFiles ?? [], () => this.#contents?.makeEarlyFiles());
  }

  /** Sets the root going. */
  #startRoot(): Actor {
    const root = this.#actor(this.#rootId);
    root.tracee?.resume(root.calls, root.early, runEnd(root, root.early));
    return root;
  }

  /** Follows those in the queue, and what they make, and so on; returns when all are parked. */
  #followBirths(queue: Actor[]): void {
    for (let next = 0; next < queue.length; next++) {
      const actor = queue[next];
      if (actor?.tracee === undefined) continue;
      this.#options.checkpoint();
      let end = runEnd(actor, actor.early);
      for (let start = actor.early;;) {
        this.#makeUseOfWaiting(actor.tracee);
        actor.tracee.finish(end);
        const made: [number, number] = [start, end];
        start = end;
        end = runEnd(actor, start);
        if (end > start) actor.tracee.resume(actor.calls, start, end);
        queue.push(...this.#adopt(actor, ...made));
        if (end === start) break;
      }
    }
  }

  /** The kernel takes milliseconds to move a task to another cgroup. */
  #makeUseOfWaiting(tracee: Tracee): void {
    while (!tracee.hasStopped()) if (this.#contents?.compileAhead() !== true) return;
  }

  /** Sets those going whom calls `start` to `end` of `maker` have made. */
  #adopt(maker: Actor, start: number, end: number): Actor[] {
    const born: Actor[] = [];
    for (let index = start; index < end; index++) {
      const id = maker.births[index];
      if (id === undefined) continue;
      const actor = this.#actor(id);
      const result = this.#context.slots.result(maker.slot, index);
      actor.tracee = new Tracee(this.#context, this.#pidOf(id, maker, result), actor.slot);
      actor.tracee.adopt(actor.calls);
      born.push(actor);
    }
    return born;
  }

  /** In a pid namespace, clone3 returns the pid inside; the coordinator is outside. */
  #pidOf(id: number, maker: Actor, result: number): number {
    if (!this.#hasOwnPids || maker.id === COORDINATOR) return result;
    for (;;) {
      for (const pid of this.#context.pending.keys()) this.#noteInnerPid(pid);
      const found = this.#byInnerPid.get(id);
      if (found !== undefined) return found;
      const event = this.#sys.wait(-1, BIRTH_TIMEOUT_MS);
      if (event === undefined) throw new SysError("waitpid", "ECHILD", `Cannot find task ${id} after its birth`);
      this.#context.pending.set(event.pid, event.status);
    }
  }

  #noteInnerPid(pid: number): void {
    if (this.#withInnerPid.has(pid)) return;
    this.#withInnerPid.add(pid);
    // Somebody else's child, which whoever became cgrestore had before, may have been waited for here: it is no more.
    const inner = orUndefined(["ENOENT", "ESRCH"], () => innerPid(this.#sys, pid));
    if (inner !== undefined) this.#byInnerPid.set(inner, pid);
  }

  #end(ending: Ending): void {
    this.#options.checkpoint();
    const actor = this.#actor(ending.pid);
    const calls = compileEnding(this.#compile, ending);
    if (actor.tracee === undefined) throw new RangeError(`Cannot end task ${ending.pid}: it has not been made`);
    if (ending.step.kind !== "exit") return actor.tracee.run(calls);
    actor.tracee.runToExit(calls, ending.step.status & TERMINATION_SIGNAL);
    actor.ended = true;
  }

  /** Threads share their descriptors, as some tasks do, so these are closed once the last one has used them. */
  #closeLeftOpen(): void {
    for (const task of this.#plan.tasks) {
      const actor = this.#actor(task.pid);
      if (!this.#closesLater(task) || actor.ended) continue;
      actor.tracee?.run([compileCloseAll(this.#compile.numbers, task.pid, this.#descriptorsEnd)]);
    }
  }

  /** Whether others need the descriptors of a task after it has finished its own steps. */
  #closesLater({ pid, threads, steps }: TaskProgram): boolean {
    return threads.some((thread) => thread.steps.some((step) => step.kind === "attach")) ||
      steps.some((step) => step.kind === "create-task" && step.sharesDescriptors === true) ||
      this.#sharers.has(pid);
  }

  /** Where the descriptors begin by which the tasks get their own. */
  get #descriptorsEnd(): number {
    return this.#contents?.firstDescriptor ?? DESCRIPTORS_END;
  }

  #actor(id: number): Actor {
    const actor = this.#actors.get(id);
    if (actor === undefined) throw new RangeError(`Cannot use task ${id}: it has no program`);
    return actor;
  }

  // -- ending ------------------------------------------------------------------------------------------------------

  /** All that may be alive: those taken over, and those born since. */
  #everyPid(): number[] {
    const pids = new Set<number>();
    for (const actor of this.#actors.values()) {
      if (actor.tracee !== undefined) pids.add(actor.tracee.pid);
    }
    if (this.#coordinator !== undefined) {
      for (const maker of this.#actors.values()) for (const pid of this.#unadopted(maker)) pids.add(pid);
    }
    for (const pid of this.#bornInside()) pids.add(pid);
    if (this.#siblingPid !== undefined) pids.add(this.#siblingPid);
    if (this.#coordinatorPid !== undefined) pids.add(this.#coordinatorPid);
    return [...pids];
  }

  /**
   * Those in a pid namespace that have told of their birth, and not more. In a new one they die with its first task, which
   * the coordinator has made; but one that was there goes on.
   */
  #bornInside(): number[] {
    if (this.#plan.joinedPidNamespace === undefined) return [];
    return [...this.#context.pending].filter(([, status]) => stopped(status)).map(([pid]) => pid);
  }

  /** Children that a maker's table says it has made, and that were not taken over. */
  *#unadopted(maker: Actor): Iterable<number> {
    // Results of other calls are no pids.
    if (!maker.isLoaded) return;
    // The table has their pids inside. Those that have not told of their birth are known when they do.
    if (maker.tracee === undefined || (this.#hasOwnPids && maker.id !== COORDINATOR)) return;
    for (const [index, id] of maker.births.entries()) {
      const result = this.#context.slots.result(maker.slot, index);
      if (id !== undefined && result > 0 && this.#actor(id).tracee === undefined) yield result;
    }
  }
}

/** Whom a step makes. */
function bornBy(step: TaskStep): number | undefined {
  if (step.kind === "create-task") return step.pid;
  return step.kind === "create-thread" ? step.tid : undefined;
}

/** Where the run that begins with entry `start` ends: after so many births, or with the table. */
function runEnd(actor: Actor, start: number): number {
  let births = 0;
  for (let index = start; index < actor.calls.length; index++) {
    if (actor.births[index] !== undefined && ++births === BIRTHS_PER_RUN) return index + 1;
  }
  return actor.calls.length;
}

/** The pid of a task in its innermost pid namespace: the last one of `NSpid` (proc_pid_status(5)). */
function innerPid(sys: Sys, pid: number): number {
  const line = /^NSpid:(.*)$/m.exec(readText(sys, `/proc/${pid}/status`))?.[1] ?? "";
  return Number(line.trim().split(/\s+/).at(-1));
}
