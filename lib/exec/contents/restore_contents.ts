import { orUndefined } from "../../errors.ts";
import type { ContentsPlan, TaskContents } from "../../plan/contents/contents_plan.ts";
import type { FileStep } from "../../plan/contents/file_step.ts";
import type { NetworkUnlock } from "../../plan/contents/plan_network_unlock.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee } from "../../tracee/tracee.ts";
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
import { leaseOwners } from "./lease_owners.ts";
import { type ContentsContext, descriptorOf, LowestDescriptors, remoteCall, words } from "./remote.ts";
import { descriptorsForMasters, openMasters } from "./open_masters.ts";
import { followSessionStep, takeTerminal } from "./session_steps.ts";
import { descriptorsForMounts } from "./namespaces/make_mounts.ts";
import { NamespacesRun } from "./namespaces/namespaces_run.ts";
import { compileLastLimits, compileLimits, compileOwnLimits } from "./state/limits.ts";
import { PageComparison } from "./page_comparison.ts";
import { TableRunner, type TableRunnerOptions } from "./table_runner.ts";
import { unlockNetwork } from "./unlock_network.ts";
import { RegisterWriter } from "./write_registers.ts";

const RLIMIT_NOFILE = 7;
const PTRACE_O_TRACESYSGOOD = 0x1;
const PTRACE_O_EXITKILL = 0x10_0000;
const PTRACE_O_SUSPEND_SECCOMP = 1 << 21;

/** Descriptors that are kept free below ours, for files while they are made. */
const SPARE_DESCRIPTORS = 16;

export interface ContentsOptions extends TableRunnerOptions {
  readonly coordinator: () => Tracee;
  readonly nameOf: (id: number) => string;
  /** Pid on this host of a task or thread, and id of a process group; of those outside of the plan as well. */
  readonly hostPid: (id: number) => number;
  readonly hostGroup: (id: number) => number;
  /** Descriptors that the coordinator has. */
  readonly taken: readonly number[];
  /** Told what the user should know. */
  readonly note: (text: string) => void;
}

/** Gives the tasks of a tree what they held, as a plan says; the tasks exist and are parked in their agents. */
export class ContentsRun {
  readonly namespaces: NamespacesRun;
  readonly #plan: ContentsPlan;
  readonly #options: ContentsOptions;
  readonly #context: ContentsContext;
  readonly #tables: TableRunner;
  /** What makes the memory of tasks, by pid, where it was compiled before it is needed. */
  readonly #compiledMemory = new Map<number, RemoteCall[]>();
  readonly #toCompile: Iterator<TaskContents>;
  /** Pids of tasks that have their directories. */
  readonly #entered = new Set<number>();
  /** Whether connections may go on. */
  #hasResumed = false;
  /** What the coordinator makes before it gets into a user namespace. */
  readonly #outsideFiles: ReadonlySet<FileStep>;

  constructor(plan: ContentsPlan, options: ContentsOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#tables = new TableRunner({ ...options, rootOf: (namespace) => this.namespaces.rootOf(namespace) });
    this.#outsideFiles = outsideSteps(plan);
    this.#toCompile = plan.tasks.values().filter(hasMemoryInItsTable);
    const { mounts } = plan.namespaces;
    const spare = SPARE_DESCRIPTORS + descriptorsForMasters(plan.terminals.masters) +
      (mounts === undefined ? 0 : descriptorsForMounts(mounts));
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
      profiles: numberProfiles(plan, base + 1 + plan.openFiles),
      images: numberImages(plan, base + 1 + plan.openFiles),
      mountNamespaces: plan.namespaces.mounts?.nested?.namespaces.map(({ handle }) => base + 1 + handle) ?? [],
      netNamespaces: plan.namespaces.nestedNets?.namespaces.map(({ handle }) => base + 1 + handle) ?? [],
      isInUserNamespace: plan.namespaces.user !== undefined,
    };
    this.namespaces = new NamespacesRun(plan, { ...options, tables: this.#tables, contents: this.#context });
  }

  /** Descriptors below this are free for others until the tasks get their own. */
  get firstDescriptor(): number {
    return this.#context.base;
  }

  /** Readies a task that is no child of the coordinator, and has a pidfd of it at `descriptor`. */
  join(tracee: Tracee, descriptor: number): void {
    const purpose = { attempt: "Cannot open the coordinator" };
    this.#raiseLimit(tracee);
    this.namespaces.join(tracee, descriptor);
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

  /**
   * Compiles what makes the memory of one more task, if there is one left: something to do while others run. Returns
   * whether there was.
   */
  compileAhead(): boolean {
    const { done, value: task } = this.#toCompile.next();
    if (done === true) return false;
    this.#compiledMemory.set(task.pid, compileMemory(this.#context, task, []));
    return true;
  }

  /** The terminal that a session's leader takes, when it has any; it has none but those of the coordinator then. */
  compileTerminal(pid: number): RemoteCall[] {
    const handle = this.#plan.terminals.controlling.get(pid);
    return handle === undefined ? [] : takeTerminal(this.#context, pid, { handle, taken: this.#options.taken });
  }

  /**
   * Readies the coordinator, and makes the namespaces that the root task is born in: but for the user namespace, which
   * is that of the root task when that is there already, a `sibling`.
   */
  prepare(sibling?: Tracee): void {
    this.#setOwnLimits();
    this.#raiseLimit(this.#options.coordinator());
    const { user } = this.#plan.namespaces;
    if (user !== undefined) {
      this.namespaces.prepareOutside(user, sibling);
      this.#makeFiles([...this.#outsideFiles], this.#options.taken);
    }
    const { base, numbers } = this.#context;
    const coordinator = this.#options.coordinator();
    if (!this.namespaces.entersLate) this.namespaces.make(sibling);
    const fd = this.namespaces.lowestDescriptors().take();
    const purpose = { attempt: "Cannot open the coordinator" };
    coordinator.run([
      remoteCall({ numbers }, "pidfd_open", [coordinator.pid, 0], { ...purpose, expected: fd }),
      remoteCall({ numbers }, "dup3", [fd, base, 0], purpose),
      remoteCall({ numbers }, "close", [fd], purpose),
    ]);
  }

  /** Makes the files that are mapped, and terminals, where the tasks will see them. */
  makeEarlyFiles(): void {
    const { taken } = this.#options;
    const coordinator = this.#options.coordinator();
    for (const { mountNamespace } of this.#plan.obsoleteNames) this.#tables.openRoot(mountNamespace);
    openMasters(this.#context, this.#plan.terminals.masters, { coordinator, taken });
    this.namespaces.makePtyMounts();
    this.#makeFiles(this.#withoutOutsideFiles(this.#plan.earlyFiles), taken);
    this.namespaces.sealMounts();
  }

  /** Descriptors of ours for the masters that the caller gets; closed by whoever gets them. */
  takeMasters(): number[] {
    const { coordinator, context: { sys } } = this.#options;
    const { given } = this.#plan.terminals;
    if (given.length === 0) return [];
    const task = sys.pidfdOpen(coordinator().pid);
    try {
      return given.map((handle) => sys.pidfdGetfd(task, descriptorOf(this.#context, handle)));
    } finally {
      sys.close(task);
    }
  }

  /** Opens files of tasks that have ended, while helpers stand in for these: nobody can enter their directories later. */
  openHelperFiles(): void {
    const { helperFiles, tasks, namespaces } = this.#plan;
    this.#makeFiles(helperFiles, this.#options.taken);
    // Who has mounts of its own still needs the directory that it has.
    if (namespaces.mounts !== undefined) return;
    const handles = new Set(helperFiles.map((step) => "handle" in step ? step.handle : undefined));
    const entering = tasks.filter(({ directories }) => handles.has(directories?.working));
    this.#tables.runAll(entering.map((task) => [task.pid, compileDirectories(this.#context, task)]));
    for (const { pid } of entering) this.#entered.add(pid);
  }

  /** Makes the other files, when all tasks are there, and deputies. */
  makeLateFiles(): void {
    // No other numbers than ours are taken then: some files need a number for a while.
    this.#options.coordinator().run([
      remoteCall(this.#context, "close_range", [0, this.#context.base - 1, 0], {
        attempt: "Cannot close the coordinator's files",
      }),
    ]);
    this.#makeFiles(this.#withoutOutsideFiles(this.#plan.lateFiles), []);
  }

  /** Everything else; in the end the registers of all tasks are theirs, and they wait to be let go. */
  restore(): void {
    this.#followSessionSteps();
    const { tasks } = this.#plan;
    for (const task of tasks) if (task.rings.length > 0) this.#restoreRings(task);
    const actions = new Map(tasks.map((task) => [task.pid, this.#compileActions(task)]));
    const compile = (task: TaskContents) => this.#compileTask(task, actions.get(task.pid)?.calls ?? []);
    // Those that share their descriptors would get each other's numbers for the files that they open for a while.
    for (const task of tasks.filter(sharesDescriptors)) this.#tables.runAll([compile(task)]);
    // One by one: tables are run while the next are made.
    this.#tables.runAll(tasks.values().filter((task) => !sharesDescriptors(task)).map(compile));
    this.#tables.runAll(
      [...actions].map(([pid, { rest }]) => [pid, rest()] as const).filter(([, calls]) => calls.length > 0),
    );
    this.#breakLeases();
    this.#makeFiles(this.#plan.lastFiles, []);
    this.namespaces.network.addRules();
    this.namespaces.removeSegments();
    this.#suspendSeccomp();
    this.#tables.runAll(tasks.filter((task) => !this.#isOneTable(task)).flatMap((task) => this.#compileThreads(task)));
    const { context, traceeOf } = this.#options;
    this.#setLastLimits();
    context.slots.clearArena();
    const writer = new RegisterWriter(context, this.#plan.components);
    new Departure({ context, contents: this.#context, traceeOf, writer }).makeReady(this.#plan.tasks);
  }

  /** Lets connections go on. Others see that, so it comes when everything else has been done. */
  resumeConnections(): void {
    const { networkUnlock, finalFiles } = this.#plan;
    this.namespaces.network.connect();
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

  /** Lets every thread run. That others have killed a task meanwhile is noted: the rest runs already. */
  release(): void {
    for (const { pid, threads } of this.#plan.tasks) {
      const released = threads.filter(({ tid }) => this.#letGo(tid));
      if (released.length < threads.length) this.#options.note(`Task ${pid} was killed before it could run`);
    }
  }

  /** Whether the thread was still there: ESRCH is of one that was killed (ptrace(2)). */
  #letGo(tid: number): boolean {
    const { context: { sys }, traceeOf } = this.#options;
    return orUndefined(["ESRCH"], () => {
      sys.ptraceDetach(traceeOf(tid).pid, 0);
      return true;
    }) ?? false;
  }

  /** Removes all names that were made for open files, and puts back what was in their way. */
  removeNames(): void {
    this.#tables.removeNames();
  }

  /** Keeps all names that were made for open files, and removes what was in their way, and what the dump has made. */
  keepNames(): void {
    this.#tables.keepNames(this.#plan.obsoleteNames);
  }

  /**
   * Who has mounts of their own has the host's root directory for a working directory, until it gets its own; without,
   * some have their own by then.
   */
  #hostPaths(): ContentsContext["hostPath"] {
    const { helperFiles, namespaces: { mounts } } = this.#plan;
    if (mounts === undefined && helperFiles.length === 0) return (path) => path;
    const directory = this.#options.context.sys.readLink("/proc/self/cwd");
    const absolute = (path: string) => path.startsWith("/") ? path : `${directory}/${path}`;
    return mounts === undefined ? absolute : (path) => absolute(path).replace(/^\/+/, "");
  }

  #unlockNetwork(unlock: NetworkUnlock): void {
    const { context: { sys }, coordinator, note } = this.#options;
    unlockNetwork(unlock, { sys, context: this.#context, coordinator: coordinator(), note });
  }

  /** The coordinator holds the open files of all tasks, and others have a descriptor behind those of all. */
  #raiseLimit(tracee: Tracee): void {
    const { base, profiles, images } = this.#context;
    const needed = BigInt(base + 1 + this.#plan.openFiles + profiles.size + images.size);
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

  #withoutOutsideFiles(steps: readonly FileStep[]): FileStep[] {
    return steps.filter((step) => !this.#outsideFiles.has(step));
  }

  #makeFiles(steps: readonly FileStep[], taken: readonly number[]): void {
    const { hostPid, hostGroup, coordinator, traceeOf } = this.#options;
    const ended = new EndedProcesses(coordinator(), this.#context);
    const context = {
      ...this.#context,
      lowest: new LowestDescriptors(taken),
      scratch: this.#plan.free.scratch,
      now: (clock: number) => this.#now(clock),
      ownPid: this.#options.context.sys.getpid(),
      pidOf: hostPid,
      groupOf: hostGroup,
      makeProcess: () => ended.make(),
    };
    try {
      for (const { by, calls } of compileFileSteps(context, steps, hostPid)) {
        this.#tables.runInPieces(traceeOf(by), calls);
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

  #compileActions(task: TaskContents): DescriptorCalls {
    return compileDescriptorActions(this.#context, task.descriptorActions, {
      name: this.#context.nameOf(task.pid),
      leaseOwners: leaseOwners(this.#context, task, (calls) => (
        this.#tables.runInPieces(this.#options.coordinator(), calls)
      )),
    });
  }

  #compileTask(task: TaskContents, descriptorActions: readonly RemoteCall[]): [number, RemoteCall[]] {
    return [task.pid, [
      ...hasMemoryInItsTable(task) ? this.#takeMemory(task) : [],
      ...compileTaskState(this.#context, task, this.#options.hostPid),
      ...this.#entered.has(task.pid) ? [] : compileDirectories(this.#context, task),
      ...compileDescriptors(this.#context, task),
      ...descriptorActions,
      ...compileLimits(this.#context, task),
      ...this.#isOneTable(task) ? this.#compileThreads(task).flatMap(([, calls]) => calls) : [],
    ]];
  }

  #takeMemory(task: TaskContents): RemoteCall[] {
    const compiled = this.#compiledMemory.get(task.pid);
    this.#compiledMemory.delete(task.pid);
    return compiled ?? compileMemory(this.#context, task, []);
  }

  /** The memory of a task with rings of events, of which only the kernel knows where it puts them. */
  #restoreRings(task: TaskContents): void {
    const { pid, isFiller, rings } = task;
    const { nullFile } = this.#plan;
    if (nullFile === undefined) throw new RangeError(`Cannot restore the rings of task ${pid}: the plan has no file`);
    const context = { ...this.#context, pid, nullFile };
    const tracee = this.#options.traceeOf(pid);
    if (!isFiller) this.#tables.runInPieces(tracee, compileMemory(this.#context, task, []));
    for (const ring of rings) {
      const made = new Uint8Array(new ArrayBuffer(8));
      this.#tables.runInPieces(tracee, compileRingSetup(context, ring, made));
      const address = Number(new DataView(made.buffer).getBigUint64(0, true));
      this.#tables.runInPieces(tracee, compileRing(context, ring, address));
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
    if (calls.length > 0) this.#tables.runInPieces(coordinator(), calls);
  }

  #compileThreads(task: TaskContents): [number, RemoteCall[]][] {
    return task.threads.map((thread, index) => [
      thread.tid,
      compileThread(this.#context, thread, { task, isLeader: index === 0 }),
    ]);
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

/** Numbers from `first` on: no two tasks have the same, as they may have one table. */
function numberProfiles({ tasks }: ContentsPlan, first: number): Map<number, number> {
  const confined = tasks.flatMap(({ threads }) => threads.filter(({ profile }) => profile !== undefined));
  return new Map(confined.map(({ tid }, index) => [tid, first + index]));
}

/** By path: behind the open files, and those of profiles. */
function numberImages(plan: ContentsPlan, first: number): Map<string, number> {
  const start = first + numberProfiles(plan, 0).size;
  return new Map(plan.namespaces.user?.images.map((path, index) => [path, start + index]));
}

/** Kinds of file that nobody in a user namespace can make, or take from whoever has started us. */
const OUTSIDE: ReadonlySet<FileStep["kind"]> = new Set(["make-segment", "inherit", "open-own-terminal"] as const);

/** The steps that come before the coordinator gets into a user namespace. */
function outsideSteps({ namespaces: { user }, earlyFiles, lateFiles }: ContentsPlan): Set<FileStep> {
  if (user === undefined) return new Set();
  const early = earlyFiles.filter(({ kind }) => OUTSIDE.has(kind));
  const inherited = new Set(early.flatMap((step) => step.kind === "inherit" ? [step.handle] : []));
  return new Set([...early, ...lateFiles.filter((step) => step.kind === "reopen" && inherited.has(step.from))]);
}

/** Whether a task makes its memory in one go with everything else. */
function hasMemoryInItsTable({ isFiller, rings }: TaskContents): boolean {
  return !isFiller && rings.length === 0;
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
