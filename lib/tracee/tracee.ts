import { SysError } from "../errors.ts";
import type { Sys, WaitResult } from "../sys/sys.ts";
import { exitCode, exited, ptraceEvent, stopped, stopSignal, termSignal } from "../sys/wait_status.ts";
import type { Architecture } from "./architecture.ts";
import type { RemoteArgument, RemoteCall } from "./remote_call.ts";
import type { Slots } from "./slots.ts";

/**
 * How long a tracee may take for one run of its table before something is said to be wrong: so many milliseconds, and
 * so many more for each MiB that it reads, because a disk may be slow.
 */
const RUN_TIMEOUT_MS = 10_000;
const TIMEOUT_PER_MIB_MS = 100;

const SIGTRAP = 5;
const SIGSTOP = 19;

/** What every tracee of one restore shares. */
export interface TraceeContext {
  readonly sys: Sys;
  readonly architecture: Architecture;
  readonly slots: Slots;
  /** Where the agent is, in each of them: a page-aligned address. */
  readonly base: number;
  /** Changes of tracees that were waited for before their turn, by pid; a wait looks here first. */
  readonly pending: Map<number, number>;
}

/**
 * One thread under our control: it is either parked, or runs the table of its slot.
 *
 * `run` is `start` and `finish` in one; with the two apart, many tracees run at the same time.
 */
export class Tracee {
  #calls: readonly RemoteCall[] = [];
  /** The entry that the last run began with. */
  #start = 0;
  /** How long the last run may take. */
  #patience = RUN_TIMEOUT_MS;
  #completed = 0;
  /** Whether the last run may be going on. */
  #isRunning = false;

  constructor(readonly context: TraceeContext, readonly pid: number, readonly slot: number) {}

  /** How many entries of the table have had their effect after the last run; a failed one is not among them. */
  get completed(): number {
    return this.#completed;
  }

  /** Takes over a task that was born with CLONE_PTRACE, and lets it run the table `calls` that its slot holds. */
  adopt(calls: readonly RemoteCall[]): void {
    this.#calls = calls;
    this.#start = 0;
    this.#patience = patienceFor(calls);
    const status = this.#waitStatus();
    if (!stopped(status)) throw this.#ended(status);
    this.context.sys.ptraceContinue(this.pid, 0);
  }

  /** Continues with entries `start` to `end` of the table that the slot already holds. */
  resume(calls: readonly RemoteCall[], start: number, end: number): void {
    this.#calls = calls;
    this.#start = start;
    this.#completed = start;
    this.#patience = patienceFor(calls.slice(start, end));
    this.#goOn(start, end);
  }

  /** Runs a table. */
  start(calls: readonly RemoteCall[]): void {
    this.context.slots.load(this.slot, calls);
    this.resume(calls, 0, calls.length);
  }

  /**
   * Waits until the tracee is parked again.
   *
   * @param end entries that should have run by then
   * @throws {SysError} of the entry that failed, told as its purpose
   */
  finish(end: number = this.#calls.length): void {
    const done = this.#follow(end);
    if (done !== end) {
      throw new SysError("ptrace", "EPROTO", `Cannot tell what task ${this.pid} did: ${done} of ${end} calls`);
    }
    this.#checkResults(end);
    if (this.context.slots.collect(this.slot)) this.#checkOutputs(end);
    this.#patience = RUN_TIMEOUT_MS;
  }

  /** Whether it has stopped since it was started, so that `finish` hardly has to wait. */
  hasStopped(): boolean {
    const { sys, pending } = this.context;
    if (pending.has(this.pid)) return true;
    const event = sys.wait(this.pid, 0);
    if (event !== undefined) pending.set(event.pid, event.status);
    return event !== undefined;
  }

  /** Makes sure that `completed` is right after `finish` has failed, because waiting itself did, or was interrupted. */
  settle(): void {
    if (this.#isRunning) this.finish();
  }

  /** Waits until the tracee has come to the end, or stopped before; returns how many entries have run. */
  #follow(end: number): number {
    for (;;) {
      this.waitParked();
      this.#isRunning = false;
      const { slots } = this.context;
      const done = slots.executed(this.slot);
      const result = done === 0 ? 0 : slots.result(this.slot, done - 1);
      const hasFailed = result < 0 && result >= -4095;
      const isTolerated = hasFailed && this.#tolerates(done - 1, -result);
      this.#completed = hasFailed && !isTolerated ? done - 1 : done;
      if (hasFailed && !isTolerated) throw this.#failed(done - 1, -result);
      if (!hasFailed || done === end) return done;
      this.#goOn(done, end);
    }
  }

  #goOn(from: number, end: number): void {
    this.context.slots.select(this.slot, from, end);
    this.context.sys.ptraceContinue(this.pid, 0);
    this.#isRunning = true;
  }

  /** Makes sure that the tracee is parked, whatever became of its last run. */
  awaitIdle(): void {
    if (this.#isRunning) this.waitParked();
    this.#isRunning = false;
  }

  #tolerates(index: number, errno: number): boolean {
    const tolerated = this.#calls[index]?.tolerated ?? [];
    return tolerated.includes(this.context.sys.errnoName(errno));
  }

  #checkResults(end: number): void {
    for (let index = this.#start; index < end; index++) {
      const call = this.#calls[index];
      if (call?.expected === undefined) continue;
      const result = this.context.slots.result(this.slot, index);
      if (result === call.expected) continue;
      const found = `it is ${result}, and should be ${call.expected}`;
      throw new SysError(call.purpose.call, "EPROTO", call.purpose.attempt(), call.purpose.hint?.("EPROTO") ?? found);
    }
  }

  #checkOutputs(end: number): void {
    for (const { purpose, arguments: args } of this.#calls.slice(this.#start, end)) {
      if (args.every(isRightOutput)) continue;
      const found = "the kernel answers something else than it should";
      throw new SysError(purpose.call, "EPROTO", purpose.attempt(), purpose.hint?.("EPROTO") ?? found);
    }
  }

  /** Runs a table to its end. */
  run(calls: readonly RemoteCall[]): void {
    this.start(calls);
    this.finish();
  }

  /** Starts a table that ends the task, by a signal (0 for none) or by its last call, and waits for that. */
  runToExit(calls: readonly RemoteCall[], deathSignal: number): void {
    this.start(calls);
    for (;;) {
      const status = this.#waitStatus();
      if (!stopped(status)) return;
      const signal = stopSignal(status);
      // A parked tracee did not die of its table.
      if (signal === SIGTRAP && deathSignal !== SIGTRAP) {
        throw new SysError("exit_group", "EPROTO", `Cannot end task ${this.pid}`);
      }
      this.context.sys.ptraceContinue(this.pid, signal === deathSignal ? signal : 0);
    }
  }

  /** Waits for the parking breakpoint; a signal that stops the task does so when it is let go. */
  waitParked(): void {
    for (;;) {
      const status = this.#waitStatus();
      if (!stopped(status)) throw this.#ended(status);
      if (stopSignal(status) === SIGTRAP && ptraceEvent(status) === 0) return;
      if (isFault(stopSignal(status))) throw this.#ended(status);
      this.context.sys.ptraceContinue(this.pid, signalToPass(status));
    }
  }

  /** Lets go of the tracee, which sleeps from then on; `signal` is delivered as it goes. */
  release(signal: number): void {
    this.context.slots.hold(this.slot);
    this.context.sys.ptraceDetach(this.pid, signal);
  }

  #waitStatus(): number {
    const early = this.context.pending.get(this.pid);
    if (early !== undefined) {
      this.context.pending.delete(this.pid);
      return early;
    }
    const result = this.#wait();
    if (result === undefined) throw new SysError("waitpid", "EPROTO", `Cannot wait for task ${this.pid}`);
    return result.status;
  }

  /** A call that blocks for ever must not make us wait for ever. */
  #wait(): WaitResult | undefined {
    const { sys } = this.context;
    try {
      return sys.wait(this.pid, this.#patience);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== "ETIMEDOUT") throw error;
      this.#completed = this.#currentEntry();
      this.#isRunning = false;
      const call = this.#calls[this.#completed];
      if (call === undefined) throw error;
      throw new SysError(call.purpose.call, "ETIMEDOUT", call.purpose.attempt(), "it blocks", { cause: error });
    }
  }

  /** The entry that the agent is running; it is stopped for that. */
  #currentEntry(): number {
    const { sys, architecture } = this.context;
    sys.ptraceInterrupt(this.pid);
    sys.wait(this.pid, RUN_TIMEOUT_MS);
    const registers = new BigUint64Array(new ArrayBuffer(8 * architecture.registerCount));
    sys.ptraceGetRegisters(this.pid, registers);
    return Number(registers[architecture.register.entry]);
  }

  #failed(index: number, errno: number): SysError {
    const purpose = this.#calls[index]?.purpose;
    const code = this.context.sys.errnoName(errno);
    if (purpose === undefined) return new SysError("syscall", code, `Cannot run call ${index} in task ${this.pid}`);
    return new SysError(purpose.call, code, purpose.attempt(), purpose.hint?.(code));
  }

  #ended(status: number): SysError {
    const how = stopped(status)
      ? `stopped by signal ${stopSignal(status)}`
      : exited(status)
      ? `exited with status ${exitCode(status)}`
      : `died of signal ${termSignal(status)}`;
    return new SysError(
      "waitpid",
      "ESRCH",
      `Cannot go on with task ${this.pid}, which ${how}`,
      "somebody else ended it",
    );
  }
}

function patienceFor(calls: readonly RemoteCall[]): number {
  const bytes = calls.reduce(
    (sum, { purpose, expected }) =>
      sum + (purpose.call === "preadv" || purpose.call === "sendfile" ? expected ?? 0 : 0),
    0,
  );
  return RUN_TIMEOUT_MS + bytes / 2 ** 20 * TIMEOUT_PER_MIB_MS;
}

/**
 * The signal with which a tracee goes on after a stop that it was not waited for. Others than SIGSTOP are blocked, or of
 * no importance. That one stops the task as a whole, but threads that are traced are continued nevertheless; they stop
 * when they are let go, unless SIGCONT has come (ptrace(2), group-stop).
 */
export function signalToPass(status: number): number {
  return stopSignal(status) === SIGSTOP && ptraceEvent(status) === 0 ? SIGSTOP : 0;
}

/** Whether an argument is none that a call has written to, or has what it should have. */
function isRightOutput(argument: RemoteArgument): boolean {
  if (typeof argument !== "object" || !("output" in argument) || argument.expected === undefined) return true;
  const { output, expected } = argument;
  return output.length === expected.length && expected.every((byte, index) => output[index] === byte);
}

/** SIGILL, SIGBUS, SIGFPE, SIGSEGV and SIGSYS come from the code itself: it would only fault again. */
function isFault(signal: number): boolean {
  return signal === 4 || signal === 7 || signal === 8 || signal === 11 || signal === 31;
}
