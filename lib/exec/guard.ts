import { SysError } from "../errors.ts";
import { relativePath } from "../model/cgroup_path.ts";
import type { CgroupStep, Plan } from "../plan/plan.ts";
import { AT_REMOVEDIR, LOCK_EX, O_CLOEXEC, O_RDWR, O_WRONLY, SIGKILL } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import type { Architecture, SyscallNumbers } from "../tracee/architecture.ts";
import { reserveCoordinatorSlot, startCoordinator } from "../tracee/coordinator.ts";
import { cString } from "../text.ts";
import { dataSizeOf, type RemoteCall } from "../tracee/remote_call.ts";
import { Slots } from "../tracee/slots.ts";
import type { TraceeContext } from "../tracee/tracee.ts";
import { FREEZERS } from "./cgroups.ts";
import { type CgroupChange, encodeValue } from "./changes.ts";
import { forEachAlways } from "../for_each_always.ts";
import type { Yard } from "./yard.ts";

const GUARD_BASE = 0x40000;
const PAGE_SIZE = 4096;
const PR_SET_PDEATHSIG = 1;
/** A task whose memory is gone is still in its cgroup for a moment. */
const SETTLE_NS = 20_000_000n;
/** Longest value that a file of a cgroup takes in one write (kernfs), and longest path of one. */
const VALUE_SIZE = 4096;
const PATH_SIZE = 4096;
/** Longest name of a file, with padding. */
const NAME_SIZE = 272;
/** Rules of `devices.list`, or lines of another file, that can be put back. */
const MOST_LINES = 64;
const REAP_PAUSE_MS = 1;
const REAP_ROUNDS = 10_000;

const SLOT = 0;
/** Entries of the guard's table before those that undo. */
const GATE = 0;
const DISARM = 1;
const FIRST_UNDO = 2;

/**
 * Whether something that `plan` does would outlast a cgrestore that is killed: a change of what exists already, or a
 * frozen v1 cgroup, in which not even SIGKILL ends a task.
 */
export function needsGuard(plan: Plan): boolean {
  const steps = allSteps(plan);
  const made = new Set(steps.flatMap((step) => step.kind === "make-cgroup" ? [cgroupKey(step)] : []));
  return plan.lateMoves.length > 0 || steps.some((step) => {
    if (step.kind === "make-cgroup") return false;
    if (step.kind === "set-permissions") return !made.has(cgroupKey(step));
    return !step.inNewCgroup || (step.file === "freezer.state" && step.writes.includes("FROZEN"));
  });
}

function allSteps(plan: Plan): CgroupStep[] {
  return [...plan.cgroups, ...plan.properties, ...plan.freezes];
}

function cgroupKey(step: CgroupStep): string {
  return `${step.hierarchy}:${step.path}`;
}

export interface GuardOptions {
  readonly plan: Plan;
  readonly yard: Yard;
  readonly architecture: Architecture;
}

/**
 * A process that undoes a restore when cgrestore is killed in the middle of it. It runs the agent, untraced, on a
 * table that we share with it and extend before each change, newest first:
 *
 * 1. flock(2) of a file that we hold locked: blocks for as long as we live;
 * 2. nothing, and exit_group(2) once the restore is complete;
 * 3. what undoes each change so far; one of it is flock(2) of a file that every task holds by a mapping, which waits
 *    until the last task is dead;
 * 4. exit_group(2).
 *
 * It is alone in a session of its own, so no signal for us reaches it, and has only the files that the undo needs. A
 * task that cannot die keeps it waiting. Undoing what has not been changed yet writes the value that is there.
 */
export class Guard {
  /** For `CoordinatorOptions.agentFile`: how the guard knows that tasks are alive. */
  readonly taskFile: number;
  readonly #sys: Sys;
  readonly #numbers: SyscallNumbers;
  readonly #yard: Yard;
  readonly #slots = new Slots();
  readonly #capacity: { readonly entries: number; readonly data: number };
  readonly #held: number[] = [];
  readonly #waiting: number[] = [];
  /** What the guard has open, ascending. */
  #kept: readonly number[] = [];
  /** The guard's descriptors to wait for us, and for the tasks. */
  readonly #ourEnd: number;
  readonly #tasksEnd: number;
  #pid: number | undefined;
  #unmap = () => {};
  /** The entry armed last. */
  #next = 0;
  #data = 0;

  /** Starts the guard; all is as before when that fails. */
  constructor(sys: Sys, { plan, yard, architecture }: GuardOptions) {
    this.#sys = sys;
    this.#yard = yard;
    this.#numbers = architecture.syscall;
    this.#capacity = measureUndo(plan);
    try {
      this.taskFile = this.#lockFile("cgrestore-tasks");
      this.#tasksEnd = this.#openAgain(this.taskFile);
      this.#ourEnd = this.#openAgain(this.#lockFile("cgrestore-alive"));
      this.#start(architecture);
      this.#closeAll(this.#waiting);
    } catch (error) {
      this.#closeAll(this.#waiting);
      this.end();
      throw error;
    }
  }

  /** Hands over how to undo what will be done next: in this order, and before all that was armed earlier. */
  arm(changes: readonly CgroupChange[]): void {
    this.#armCalls(changes.flatMap((change) => this.#compile(change)));
  }

  /** From now on, everything armed before waits until all tasks have ended. */
  armWaitForTasks(): void {
    const settle = new Uint8Array(BigUint64Array.of(0n, SETTLE_NS).buffer);
    this.#armCalls([
      guardCall("flock", this.#numbers.flock, [this.#tasksEnd, LOCK_EX]),
      guardCall("nanosleep", this.#numbers.nanosleep, [settle, 0]),
    ]);
  }

  /** Has `pids` ended, because they will no longer end with us. */
  armKill(pids: readonly number[]): void {
    this.#armCalls(pids.map((pid) => {
      if (pid <= 1) throw new RangeError(`Cannot address task "${pid}"`);
      return guardCall("kill", this.#numbers.kill, [pid, SIGKILL]);
    }));
  }

  /** Makes everything permanent, in one store, or confirms that all has been undone; then ends the guard. */
  end(): void {
    if (this.#next > 0) this.#put(DISARM, exitCall(this.#numbers));
    try {
      if (this.#pid !== undefined) this.#killAndReap(this.#pid);
      this.#pid = undefined;
    } finally {
      this.#next = 0;
      this.#unmap();
      this.#closeAll(this.#held);
    }
  }

  #closeAll(fds: number[]): void {
    forEachAlways(fds.splice(0), (fd) => this.#sys.close(fd));
  }

  /** Makes a file without content, and holds it locked until the end. */
  #lockFile(name: string): number {
    const fd = this.#sys.memfdCreate(name);
    this.#held.push(fd);
    this.#sys.ftruncate(fd, PAGE_SIZE);
    this.#sys.flock(fd);
    return fd;
  }

  /** flock(2) of the result blocks until `held`, and every duplicate and mapping of it, are gone. */
  #openAgain(held: number): number {
    const fd = this.#sys.open(`/proc/self/fd/${held}`, O_RDWR);
    this.#waiting.push(fd);
    return fd;
  }

  #start(architecture: Architecture): void {
    const kept = [...this.#yard.descriptors, ...this.#waiting].sort((a, b) => a - b);
    this.#kept = kept;
    const { entries, data } = this.#capacity;
    const used = reserveCoordinatorSlot(this.#slots, kept.length, { entries: entries + FIRST_UNDO + 1, data });
    const context: TraceeContext = {
      sys: this.#sys,
      architecture,
      slots: this.#slots,
      base: GUARD_BASE,
      pending: new Map(),
    };
    for (const fd of kept) this.#sys.setCloseOnExec(fd, false);
    try {
      const { tracee, release } = startCoordinator(context, {
        keep: kept,
        onSpawn: (pid) => this.#pid = pid,
        mayOutliveUs: true,
      });
      this.#unmap = release;
      // Ended by our death until here; nothing has been changed yet, so it does not matter which way it ends.
      tracee.run([
        guardCall("setsid", this.#numbers.setsid, []),
        guardCall("prctl", this.#numbers.prctl, [PR_SET_PDEATHSIG, 0]),
      ]);
      this.#loadTable(used);
      this.#sys.ptraceDetach(tracee.pid, 0);
    } finally {
      for (const fd of kept) this.#sys.setCloseOnExec(fd, true);
    }
  }

  /** An entry of zeros does nothing: it is read(2) of no bytes, or on aarch64 an io_setup(2) that fails. */
  #loadTable(used: number): void {
    const nothing: RemoteCall = guardCall("read", 0, []);
    const gate = guardCall("flock", this.#numbers.flock, [this.#ourEnd, LOCK_EX]);
    this.#slots.load(SLOT, [gate, ...new Array<RemoteCall>(used).fill(nothing)]);
    this.#next = FIRST_UNDO + this.#capacity.entries;
    this.#put(this.#next, exitCall(this.#numbers));
    this.#slots.select(SLOT, GATE, this.#next + 1);
    this.#slots.keepGoing(SLOT);
  }

  #compile(change: CgroupChange): RemoteCall[] {
    const numbers = this.#numbers;
    const root = this.#yard.root(change.hierarchy);
    const path = cString(relativePath(change.path));
    switch (change.kind) {
      case "remove":
        return [guardCall("unlinkat", numbers.unlinkat, [root, path, AT_REMOVEDIR])];
      case "permissions": {
        const { uid, gid, mode } = change.to;
        return [
          guardCall("fchownat", numbers.fchownat, [root, path, uid, gid, 0]),
          guardCall("fchmodat", numbers.fchmodat, [root, path, mode & 0o7777]),
        ];
      }
      case "write": {
        // The guard opens one file at a time, so it is known which descriptor that gets.
        const fd = this.#freeDescriptor();
        const value = encodeValue(change.value);
        return [
          guardCall("openat", numbers.openat, [root, path, O_WRONLY | O_CLOEXEC]),
          guardCall("write", numbers.write, [fd, value, value.length]),
          guardCall("close", numbers.close, [fd]),
        ];
      }
    }
  }

  #freeDescriptor(): number {
    let fd = 0;
    while (this.#kept.includes(fd)) fd++;
    return fd;
  }

  #armCalls(calls: readonly RemoteCall[]): void {
    const data = dataSizeOf(calls);
    if (this.#next - calls.length < FIRST_UNDO || this.#data + data > this.#capacity.data) {
      throw new SysError("mmap", "ENOSPC", "Cannot hand over to the guard how to undo a change", "it is too large");
    }
    for (const call of [...calls].reverse()) this.#put(--this.#next, call);
  }

  #put(index: number, call: RemoteCall): void {
    this.#data = this.#slots.replace(SLOT, index, { call, data: this.#data });
  }

  #killAndReap(pid: number): void {
    try {
      this.#sys.kill(pid, SIGKILL);
      for (let round = 0; round < REAP_ROUNDS; round++) {
        const event = this.#sys.wait(pid, 0);
        // A guard that is still traced, because its start failed, may report a stop first.
        if (event !== undefined && (event.status & 0xff) !== 0x7f) return;
        if (event === undefined) this.#sys.sleep(REAP_PAUSE_MS);
      }
    } catch (error) {
      // Somebody else has killed it, and a wait for all our children has reaped it.
      if (error instanceof SysError && (error.code === "ESRCH" || error.code === "ECHILD")) return;
      throw error;
    }
    throw new SysError("waitpid", "ETIMEDOUT", `Cannot end the guard, task ${pid}`);
  }
}

/** Room for undoing all of `plan`. The memory is taken only where it is written. */
function measureUndo(plan: Plan): { entries: number; data: number } {
  // Waiting for the tasks, and their end.
  let entries = 2 + plan.tasks.length;
  let data = 16;
  const add = (count: number, size: number) => {
    entries += count;
    data += count * size;
  };
  for (const _ of plan.lateMoves) add(3, PATH_SIZE);
  for (const step of allSteps(plan)) {
    if (step.kind !== "write-property") add(2, PATH_SIZE);
    else if (!step.inNewCgroup || FREEZERS.has(step.file)) {
      const writes = MOST_LINES + step.writes.reduce((sum, write) => sum + write.split(/\s+/).length, 0);
      // Each write has its path, of three bytes a character at most, and a file's name.
      add(writes, 3 * step.path.length + NAME_SIZE);
      add(2 * writes, 0);
      data += VALUE_SIZE;
    }
  }
  return { entries, data };
}

function exitCall(numbers: SyscallNumbers): RemoteCall {
  return guardCall("exit_group", numbers.exit_group, [0]);
}

function guardCall(call: string, number: number, args: RemoteCall["arguments"]): RemoteCall {
  return { number, arguments: args, purpose: { call, attempt: () => "Cannot start the guard" } };
}
