import type { ContentsPlan, TaskContents } from "../../plan/contents/contents_plan.ts";
import type { FileStep } from "../../plan/contents/file_step.ts";
import type { NetworkUnlock } from "../../plan/contents/plan_network_unlock.ts";
import { O_DIRECTORY, O_PATH } from "../../sys/constants.ts";
import type { Sys } from "../../sys/sys.ts";
import { ENTRY_SIZE } from "../../tracee/agent_layout.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee, TraceeContext } from "../../tracee/tracee.ts";
import type { ObservedNamespaces } from "../../verify/contents/verify_namespaces.ts";
import { breakLease } from "./break_lease.ts";
import { compileDescriptorActions, type DescriptorCalls } from "./compile_descriptor_actions.ts";
import { compileDescriptors, compileDirectories } from "./compile_descriptors.ts";
import { EndedProcesses } from "./ended_processes.ts";
import { compileFileSteps } from "./files/compile_file_steps.ts";
import { suspendConnection } from "./files/make_connection.ts";
import { compileMemory } from "./compile_memory.ts";
import { compileRing, compileRingSetup } from "./compile_rings.ts";
import { compileTaskState } from "./compile_task_state.ts";
import { compileThread } from "./compile_thread.ts";
import { Departure } from "./departure.ts";
import { MadeNames } from "./made_names.ts";
import { type ContentsContext, LowestDescriptors, remoteCall, words } from "./remote.ts";
import { descriptorsForMasters, openMasters } from "./open_masters.ts";
import { followSessionStep, takeTerminal } from "./session_steps.ts";
import { fillNamespaces, removeSegments } from "./namespaces/fill_namespaces.ts";
import { fillNet } from "./namespaces/net_contents.ts";
import { joinNamespaces, makeNamespaces, type NamespacesContext } from "./namespaces/make_namespaces.ts";
import { observeNamespaces } from "./namespaces/observe_namespaces.ts";
import { compileLastLimits, compileLimits, compileOwnLimits } from "./state/limits.ts";
import { PageComparison } from "./page_comparison.ts";
import { unlockNetwork } from "./unlock_network.ts";
import { RegisterWriter } from "./write_registers.ts";

const RLIMIT_NOFILE = 7;
const PTRACE_O_TRACESYSGOOD = 0x1;
const PTRACE_O_EXITKILL = 0x10_0000;
const PTRACE_O_SUSPEND_SECCOMP = 1 << 21;

/** Descriptors that are kept free below ours, for files while they are made. */
const SPARE_DESCRIPTORS = 16;
/** Memory for tables: more is used in several rounds. */
const MAX_ARENA = 64 * 2 ** 20;
/** What a table of a task or thread takes beyond what is counted, and what moves at once through the coordinator. */
const BASE_SIZE = 16384;
const COORDINATOR_SIZE = 2 ** 20;
/** What a descriptor action takes: four calls and their data at most. */
const ACTION_SIZE = 4 * (ENTRY_SIZE + 32);

export interface ContentsOptions {
  readonly context: TraceeContext;
  readonly coordinator: () => Tracee;
  /** The tracee of a task or thread. */
  readonly traceeOf: (id: number) => Tracee;
  readonly nameOf: (id: number) => string;
  /** Pid on this host of a task or thread, and id of a process group; of those outside of the plan it is the same. */
  readonly hostPid: (id: number) => number;
  readonly hostGroup: (id: number) => number;
  /** Descriptors that the coordinator has. */
  readonly taken: readonly number[];
  /** Called between steps; throws when the user wants an end. */
  readonly checkpoint: () => void;
  /** Told what the user should know. */
  readonly note: (text: string) => void;
}

/** Gives the tasks of a tree what they held, as a plan says; the tasks exist and are parked in their agents. */
export class ContentsRun {
  readonly #plan: ContentsPlan;
  readonly #options: ContentsOptions;
  readonly #context: ContentsContext;
  readonly #names = new MadeNames();
  /** A descriptor of the coordinator's root directory: open from the first name on that is made, or obsolete. */
  #root: number | undefined;
  /** Whether connections may go on. */
  #hasResumed = false;

  constructor(plan: ContentsPlan, options: ContentsOptions) {
    this.#plan = plan;
    this.#options = options;
    const spare = SPARE_DESCRIPTORS + descriptorsForMasters(plan.terminals.masters);
    const base = Math.max(plan.firstDescriptor, ...options.taken.map((fd) => fd + 1)) + spare;
    const { architecture } = options.context;
    this.#context = {
      numbers: architecture.syscall,
      base,
      hostPath: this.#hostPaths(),
      nameOf: options.nameOf,
      ownCapabilities: plan.ownCapabilities,
      choosesTimerIds: plan.choosesTimerIds,
      comparison: new PageComparison(options.context.sys),
    };
  }

  /** Descriptors below this are free for others until the tasks get their own. */
  get firstDescriptor(): number {
    return this.#context.base;
  }

  /** Room that the tables need, in the best case all of them at the same time. */
  static arenaSize(plan: ContentsPlan): number {
    let size = COORDINATOR_SIZE;
    for (
      const { memory, descriptors = [], descriptorActions, actions, timers, pendingSignals, threads } of plan.tasks
    ) {
      size += BASE_SIZE + ENTRY_SIZE * (memory.length + 3 * descriptors.length + 2 * timers.posix.length);
      size += ACTION_SIZE * descriptorActions.length + (ENTRY_SIZE + 32) * actions.length +
        (ENTRY_SIZE + 128) * pendingSignals.length;
      for (const step of memory) if (step.kind === "fill") size += 8 * step.ranges.length;
      for (const thread of threads) size += BASE_SIZE + (ENTRY_SIZE + 128) * thread.pendingSignals.length;
    }
    const largest = Math.max(largestMessage(plan.lateFiles), largestObject(plan.namespaces));
    return Math.max(Math.min(size, MAX_ARENA), COORDINATOR_SIZE + largest);
  }

  /** Readies a task that is no child of the coordinator, and has a pidfd of it at `descriptor`. */
  join(tracee: Tracee, descriptor: number): void {
    const purpose = { attempt: "Cannot open the coordinator" };
    this.#raiseLimit(tracee);
    const lowest = new LowestDescriptors([...this.#options.taken, descriptor]);
    tracee.run(joinNamespaces({ ...this.#context, lowest }, this.#plan.namespaces, descriptor));
    if (descriptor === this.#context.base) return;
    tracee.run([
      remoteCall(this.#context, "dup3", [descriptor, this.#context.base, 0], purpose),
      remoteCall(this.#context, "close", [descriptor], purpose),
    ]);
  }

  /** What a task does to restore its memory before it makes others; it still has the coordinator's descriptors then. */
  compileMemory(pid: number): RemoteCall[] {
    const task = this.#plan.tasks.find((other) => other.pid === pid);
    return task === undefined ? [] : compileMemory(this.#context, task, this.#options.taken);
  }

  /** The terminal that a session's leader takes, when it has any; it has none but those of the coordinator then. */
  compileTerminal(pid: number): RemoteCall[] {
    const handle = this.#plan.terminals.controlling.get(pid);
    return handle === undefined ? [] : takeTerminal(this.#context, pid, { handle, taken: this.#options.taken });
  }

  /** Makes the namespaces that the root task is born in. */
  prepare(): void {
    this.#raiseLimit(this.#options.coordinator());
    this.#setOwnLimits();
    const { base, numbers } = this.#context;
    const coordinator = this.#options.coordinator();
    const lowest = new LowestDescriptors(this.#options.taken);
    const context = { ...this.#context, lowest };
    coordinator.run(makeNamespaces(context, this.#plan.namespaces));
    this.#fillNet(context);
    const fd = lowest.take();
    const purpose = { attempt: "Cannot open the coordinator" };
    coordinator.run([
      remoteCall({ numbers }, "pidfd_open", [coordinator.pid, 0], { ...purpose, expected: fd }),
      remoteCall({ numbers }, "dup3", [fd, base, 0], purpose),
      remoteCall({ numbers }, "close", [fd], purpose),
    ]);
  }

  /** Before there is any socket in it. */
  #fillNet(context: NamespacesContext): void {
    const { net } = this.#plan.namespaces;
    const { context: { sys }, coordinator } = this.#options;
    if (net?.kind !== "fill") return;
    const { calls, read } = fillNet({ ...context, errnoName: (errno) => sys.errnoName(errno) }, net);
    this.#runInPieces(coordinator(), calls);
    read();
  }

  /** Gives the other namespaces what they had, through the root task, which has not done anything yet. */
  fillNamespaces(root: Tracee): void {
    const lowest = new LowestDescriptors([...this.#options.taken, this.#context.base]);
    this.#runInPieces(root, fillNamespaces({ ...this.#context, lowest }, this.#plan.namespaces));
  }

  /** Makes the files that are mapped, and terminals, where the tasks will see them. */
  makeEarlyFiles(): void {
    const { taken } = this.#options;
    const coordinator = this.#options.coordinator();
    if (this.#plan.obsoleteNames.length > 0) this.#openRoot(coordinator);
    openMasters(this.#context, this.#plan.terminals.masters, { coordinator, taken });
    this.#makeFiles(this.#plan.earlyFiles, taken);
  }

  /** Looks at the namespaces that were made, when all has been restored. */
  observeNamespaces(): ObservedNamespaces {
    const { kinds } = this.#plan.namespaces;
    const { context: { sys }, coordinator } = this.#options;
    const context = { ...this.#context, lowest: new LowestDescriptors([]) };
    const { calls, read } = observeNamespaces(context, this.#plan.namespaces);
    this.#runInPieces(coordinator(), calls);
    const links = new Map(kinds.map((kind) => [kind, sys.readLink(`/proc/${coordinator().pid}/ns/${kind}`)]));
    return { links, ...read() };
  }

  /** Opens files of tasks that have ended, while helpers stand in for these. */
  openHelperFiles(): void {
    this.#makeFiles(this.#plan.helperFiles, this.#options.taken);
  }

  /** Everything else, when all tasks are there; in the end their registers are theirs, and they wait to be let go. */
  restore(): void {
    // No other numbers than ours are taken then: some files need a number for a while.
    this.#options.coordinator().run([
      remoteCall(this.#context, "close_range", [0, this.#context.base - 1, 0], {
        attempt: "Cannot close the coordinator's files",
      }),
    ]);
    this.#makeFiles(this.#plan.lateFiles, []);
    this.#followSessionSteps();
    const { tasks } = this.#plan;
    for (const task of tasks) if (task.rings.length > 0) this.#restoreRings(task);
    const actions = new Map(tasks.map((task) => [task.pid, this.#compileActions(task)]));
    const compile = (task: TaskContents) => this.#compileTask(task, actions.get(task.pid)?.calls ?? []);
    // Those that share their descriptors would get each other's numbers for the files that they open for a while.
    for (const task of tasks.filter(sharesDescriptors)) this.#runTables([compile(task)]);
    this.#runTables(mapLazily(tasks.filter((task) => !sharesDescriptors(task)), compile));
    this.#runTables(
      [...actions].map(([pid, { rest }]) => [pid, rest()] as const).filter(([, calls]) => calls.length > 0),
    );
    this.#breakLeases();
    this.#makeFiles(this.#plan.lastFiles, []);
    this.#runInPieces(this.#options.coordinator(), removeSegments(this.#context, this.#plan.namespaces));
    this.#suspendSeccomp();
    this.#runTables(tasks.filter((task) => !this.#isOneTable(task)).flatMap((task) => this.#compileThreads(task)));
    const { context, traceeOf } = this.#options;
    this.#setLastLimits();
    context.slots.clearArena();
    const writer = new RegisterWriter(context, this.#plan.components);
    new Departure({ context, contents: this.#context, traceeOf, writer }).makeReady(this.#plan.tasks);
  }

  /** Lets connections go on. Others see that, so it comes when everything else has been done. */
  resumeConnections(): void {
    const { networkUnlock, finalFiles } = this.#plan;
    if (networkUnlock !== undefined) this.#unlockNetwork(networkUnlock);
    this.#hasResumed = true;
    this.#makeFiles(finalFiles, []);
  }

  /** Holds them again if they may go on: so that their other sides are not told when they are closed. */
  suspendConnections(): void {
    if (!this.#hasResumed) return;
    const { context: { slots }, coordinator } = this.#options;
    coordinator().awaitIdle();
    for (const step of this.#plan.finalFiles) {
      if (step.kind !== "resume-connection") continue;
      slots.clearArena();
      coordinator().run([suspendConnection(this.#context, step)]);
    }
  }

  /** Lets every thread run. */
  release(): void {
    const { sys } = this.#options.context;
    for (const { threads } of this.#plan.tasks) {
      for (const { tid } of threads) sys.ptraceDetach(this.#options.traceeOf(tid).pid, 0);
    }
  }

  /** Removes all names that were made for open files, and puts back what was in their way. */
  removeNames(): void {
    this.#withRoot((sys, root) => this.#names.removeAll(sys, root));
  }

  /** Keeps all names that were made for open files, and removes what was in their way, and what the dump has made. */
  keepNames(): void {
    this.#withRoot((sys, root) => this.#names.keepAll(sys, root, this.#plan.obsoleteNames));
  }

  /** Who has mounts of their own has the host's root directory for a working directory, until it gets its own. */
  #hostPaths(): ContentsContext["hostPath"] {
    if (this.#plan.namespaces.mounts === undefined) return (path) => path;
    const directory = this.#options.context.sys.readLink("/proc/self/cwd");
    return (path) => (path.startsWith("/") ? path : `${directory}/${path}`).replace(/^\/+/, "");
  }

  #openRoot({ pid }: Tracee): void {
    this.#root ??= this.#options.context.sys.open(`/proc/${pid}/root`, O_PATH | O_DIRECTORY);
  }

  #withRoot(action: (sys: Sys, root: number) => void): void {
    const { sys } = this.#options.context;
    if (this.#root === undefined) return;
    try {
      action(sys, this.#root);
    } finally {
      sys.close(this.#root);
      this.#root = undefined;
    }
  }

  #unlockNetwork(unlock: NetworkUnlock): void {
    const { context: { sys }, coordinator, note } = this.#options;
    unlockNetwork(unlock, { sys, context: this.#context, coordinator: coordinator(), note });
  }

  /** The coordinator holds the open files of all tasks, and others have a descriptor behind those of all. */
  #raiseLimit(tracee: Tracee): void {
    const mounts = this.#plan.namespaces.mounts?.steps.length ?? 0;
    const needed = BigInt(this.#context.base + 1 + Math.max(this.#plan.handles, mounts));
    const before = new Uint8Array(16);
    const attempt = `Cannot open ${needed} files at once`;
    const hints = { EPERM: "that needs CAP_SYS_RESOURCE, or a higher limit: ulimit -n", EINVAL: "see fs.nr_open" };
    const limit = (...args: RemoteCall["arguments"]) => (
      remoteCall(this.#context, "prlimit64", [0, RLIMIT_NOFILE, ...args], { attempt, hints })
    );
    tracee.run([limit(0, { output: before })]);
    const [soft = 0n, hard = 0n] = new BigUint64Array(before.buffer);
    if (soft >= needed) return;
    tracee.run([limit(words(needed, hard > needed ? hard : needed), 0)]);
  }

  #setOwnLimits(): void {
    const calls = compileOwnLimits(this.#context, this.#plan.ownLimits);
    if (calls.length > 0) this.#options.coordinator().run(calls);
  }

  #makeFiles(steps: readonly FileStep[], taken: readonly number[]): void {
    const { hostPid, hostGroup, coordinator, traceeOf } = this.#options;
    const ended = new EndedProcesses(coordinator(), this.#context);
    const context = {
      ...this.#context,
      lowest: new LowestDescriptors(taken),
      scratch: this.#plan.free.scratch,
      now: (clock: number) => this.#now(clock),
      pidOf: hostPid,
      groupOf: hostGroup,
      makeProcess: () => ended.make(),
    };
    try {
      for (const { pid, calls } of compileFileSteps(context, steps, hostPid)) {
        this.#runInPieces(pid === undefined ? coordinator() : traceeOf(pid), calls);
      }
      ended.end();
    } catch (error) {
      ended.abandon();
      throw error;
    }
  }

  /** In the coordinator, whose clocks are those of the files. */
  #now(clock: number): bigint {
    const time = new Uint8Array(16);
    this.#options.coordinator().run([
      remoteCall(this.#context, "clock_gettime", [clock, { output: time }], { attempt: `Cannot read clock ${clock}` }),
    ]);
    const [seconds = 0n, nanoseconds = 0n] = new BigUint64Array(time.buffer);
    return seconds * 1_000_000_000n + nanoseconds;
  }

  /** The tasks are parked, so a lease that is asked back stays. */
  #breakLeases(): void {
    const { context: { sys }, traceeOf, nameOf } = this.#options;
    for (const { pid, descriptorActions } of this.#plan.tasks) {
      for (const action of descriptorActions) {
        if (action.kind === "lease") breakLease(sys, { ...action, pid: traceeOf(pid).pid, name: nameOf(pid) });
      }
    }
  }

  #followSessionSteps(): void {
    const { traceeOf, coordinator } = this.#options;
    for (const step of this.#plan.terminals.sessionSteps) {
      followSessionStep(this.#context, step, { task: traceeOf(step.pid), coordinator: coordinator() });
    }
  }

  #compileActions({ pid, descriptorActions }: TaskContents): DescriptorCalls {
    return compileDescriptorActions(this.#context, descriptorActions, this.#context.nameOf(pid));
  }

  #compileTask(task: TaskContents, descriptorActions: readonly RemoteCall[]): [number, RemoteCall[]] {
    return [task.pid, [
      ...task.isFiller || task.rings.length > 0 ? [] : compileMemory(this.#context, task, []),
      ...compileTaskState(this.#context, task),
      ...compileDirectories(this.#context, task),
      ...compileDescriptors(this.#context, task),
      ...descriptorActions,
      ...compileLimits(this.#context, task),
      ...this.#isOneTable(task) ? this.#compileThreads(task).flatMap(([, calls]) => calls) : [],
    ]];
  }

  /** The memory of a task with rings of events, of which only the kernel knows where it puts them. */
  #restoreRings(task: TaskContents): void {
    const { pid, isFiller, rings } = task;
    const { nullFile } = this.#plan;
    if (nullFile === undefined) throw new RangeError(`Cannot restore the rings of task ${pid}: the plan has no file`);
    const context = { ...this.#context, pid, nullFile };
    const tracee = this.#options.traceeOf(pid);
    if (!isFiller) this.#runInPieces(tracee, compileMemory(this.#context, task, []));
    for (const ring of rings) {
      const made = new Uint8Array(new ArrayBuffer(8));
      this.#runInPieces(tracee, compileRingSetup(context, ring, made));
      const address = Number(new DataView(made.buffer).getBigUint64(0, true));
      this.#runInPieces(tracee, compileRing(context, ring, address));
    }
  }

  /** Whether nothing comes between what a task does and what its only thread does. */
  #isOneTable(task: TaskContents): boolean {
    const { threads } = task;
    const isAlone = threads.length === 1 && threads[0]?.seccomp.length === 0;
    return isAlone && !hasAfterwards(task) && this.#plan.lastFiles.length === 0;
  }

  #setLastLimits(): void {
    const { coordinator, traceeOf } = this.#options;
    const { tasks } = this.#plan;
    const calls = tasks.flatMap((task) => compileLastLimits(this.#context, task, traceeOf(task.pid).pid));
    if (calls.length > 0) this.#runInPieces(coordinator(), calls);
  }

  #compileThreads(task: TaskContents): [number, RemoteCall[]][] {
    return task.threads.map((thread, index) => [
      thread.tid,
      compileThread(this.#context, thread, { task, isLeader: index === 0 }),
    ]);
  }

  /** Runs tables in different tasks at the same time, each as soon as it is there, if the shared memory has room. */
  #runTables(tables: Iterable<readonly [id: number, calls: RemoteCall[]]>): void {
    const { context: { slots }, traceeOf } = this.#options;
    const running: Tracee[] = [];
    const gather = () => {
      for (const tracee of running.splice(0)) tracee.finish();
      slots.clearArena();
    };
    for (const [id, calls] of tables) {
      this.#options.checkpoint();
      const tracee = traceeOf(id);
      if (!slots.hasRoom(tracee.slot, calls)) gather();
      if (slots.hasRoom(tracee.slot, calls)) {
        tracee.start(calls);
        running.push(tracee);
      } else this.#runInPieces(tracee, calls);
    }
    gather();
  }

  /** Runs a table of any length in one task, while no other is running. */
  #runInPieces(tracee: Tracee, calls: readonly RemoteCall[]): void {
    const { slots } = this.#options.context;
    if (calls.some(hasEffect)) this.#openRoot(tracee);
    for (let start = 0; start < calls.length;) {
      this.#options.checkpoint();
      slots.clearArena();
      const end = Math.max(start + 1, slots.pieceEnd(calls, start));
      const piece = calls.slice(start, end);
      tracee.start(piece);
      this.#finish(tracee, piece);
      start = end;
    }
    slots.clearArena();
  }

  /** Waits for the end of a table, and notes what it did to names: of those it must be known what has been done. */
  #finish(tracee: Tracee, calls: readonly RemoteCall[]): void {
    const hasEffects = calls.some(hasEffect);
    try {
      tracee.finish();
    } catch (error) {
      // The user may want an end: it comes when the table, which is not to be left in the middle, is done.
      if (hasEffects) tracee.settle();
      throw error;
    } finally {
      if (hasEffects) this.#names.note(calls.slice(0, tracee.completed));
    }
  }

  /** So that our own last calls get through the filters of the tasks, which one thread may install for all. */
  #suspendSeccomp(): void {
    const { context: { sys }, traceeOf } = this.#options;
    const options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP;
    for (const { threads } of this.#plan.tasks) {
      if (threads.every(({ seccomp }) => seccomp.length === 0)) continue;
      for (const { tid } of threads) sys.ptraceSetOptions(traceeOf(tid).pid, options);
    }
  }
}

/** So that what has been made of one is used before the next is made. */
function* mapLazily<T, U>(values: readonly T[], make: (value: T) => U): Generator<U> {
  for (const value of values) yield make(value);
}

function hasEffect({ effect }: RemoteCall): boolean {
  return effect !== undefined;
}

/** Bytes of the largest message that goes into a queue, which cannot be cut. */
function largestMessage(steps: readonly FileStep[]): number {
  const messages = steps.flatMap((step) => (
    step.kind === "unix-socket" && step.action.kind === "send"
      ? step.action.packets.map(({ bytes }) => bytes.length)
      : []
  ));
  return messages.reduce((largest, size) => Math.max(largest, size), 0);
}

/** Bytes of the largest part of a System V object that is not read from a file. */
function largestObject({ ipc }: ContentsPlan["namespaces"]): number {
  const messages = ipc?.queues.flatMap((queue) => queue.messages.map(({ bytes }) => 8 + bytes.length)) ?? [];
  const values = ipc?.semaphores.map((set) => 2 * set.values.length) ?? [];
  return [...messages, ...values].reduce((largest, size) => Math.max(largest, size), 0);
}

/** Whether another task has the descriptors of this one, and makes them. */
function sharesDescriptors({ descriptors }: TaskContents): boolean {
  return descriptors === undefined;
}

/** Whether something depends on what has come of a task's descriptors, and comes before what its threads do. */
function hasAfterwards({ descriptorActions }: TaskContents): boolean {
  return descriptorActions.some((action) => (
    action.kind === "watch" ? action.isDisarmed : action.kind === "lease" && action.breakBy !== undefined
  ));
}
