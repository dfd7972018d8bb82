import { SysError } from "../../lib/errors.ts";
import type { SharedMemory, Sys } from "../../lib/sys/sys.ts";
import { PROGRAM_BASE } from "../../lib/tracee/elf.ts";
import { SYSCALLS_X86_64 } from "../../lib/tracee/syscalls_x86_64.ts";
import {
  CLONE3_SLOT_ARGUMENT,
  ENTRY_ARGUMENTS,
  ENTRY_NUMBER,
  ENTRY_SIZE,
  SLOT_COUNT,
  SLOT_START,
  SLOT_TABLE,
} from "../../lib/tracee/agent_layout.ts";

/** Calls that tell something about ourselves, and cannot fail. */
const INFALLIBLE = new Set([
  ...["getpid", "getenv", "errnoName", "caughtSignal", "takeSignal", "catchSignals", "cpuid", "sleep", "taskExists"],
  ...["groupExists", "umask", "release", "ignoreSignals"],
]);

/** No system call has this number. */
const NO_CALL = 9999;
/** Registers of x86-64 in `struct user_regs_struct`, as the agent uses them. */
const SLOT_REGISTER = 0;
const ENTRY_REGISTER = 2;
const INSTRUCTION_REGISTER = 16;
/** More than the program has that they are born with. */
const PROGRAM_SIZE = 4096;

export interface Faults {
  /** The call that fails, counted from 1. */
  readonly failCall?: number;
  /** The name of the calls that are counted for that; absent: all are. */
  readonly callName?: keyof Sys;
  /** The task that is killed before the first one is let go. */
  readonly killed?: number;
  /** The remote system call that fails, counted from 1 in the order in which tables are started. */
  readonly failRemoteCall?: number;
  /** The name of the remote system calls that are counted; absent: all are. */
  readonly remoteName?: keyof typeof SYSCALLS_X86_64;
  /** Before which call a signal is caught. */
  readonly signalAt?: number;
}

/** The kernel, with one thing that goes wrong. */
export class FaultySys {
  /** Names of the calls made. */
  readonly calls: string[] = [];
  /** How many remote system calls were counted. */
  remoteCalls = 0;
  readonly sys: Sys & Disposable;
  readonly #real: Sys & Disposable;
  readonly #faults: Faults;
  #shared: SharedMemory | undefined;
  #base: number | undefined;
  /** How many calls were counted. */
  #counted = 0;
  readonly #known = new Set<number>();

  constructor(real: Sys & Disposable, faults: Faults) {
    this.#real = real;
    this.#faults = faults;
    this.sys = new Proxy(real, { get: (target, name) => this.#get(target, name) });
  }

  #get(target: Sys & Disposable, name: string | symbol): unknown {
    const value: unknown = Reflect.get(target, name, target);
    if (typeof value !== "function") return value;
    const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
    if (typeof name === "symbol") return call;
    if (name === "caughtSignal") return () => this.#isSignalled() ? SIGTERM : call();
    // That would be for the tests that follow in this process, and for what they start.
    if (name === "ignoreSignals" || name === "ignoreSignal") return () => {};
    if (INFALLIBLE.has(name)) return call;
    return (...args: unknown[]) => this.#intercept(name, args, call);
  }

  #isSignalled(): boolean {
    const { signalAt } = this.#faults;
    return signalAt !== undefined && this.calls.length >= signalAt;
  }

  #intercept(name: string, args: unknown[], call: (...args: unknown[]) => unknown): unknown {
    this.calls.push(name);
    const { callName = name, failCall, killed } = this.#faults;
    if (callName === name) this.#counted++;
    const fails = callName === name && this.#counted === failCall;
    const isFirstOfName = !this.calls.slice(0, -1).includes(name);
    if (killed !== undefined && name === "ptraceDetach" && isFirstOfName) this.#real.kill(killed, SIGKILL);
    // A close that fails has closed all the same (close(2)).
    if (fails && name === "close") call(...args);
    if (fails) throw new SysError(name, "EIO", `Cannot do call ${this.calls.length}, which the test lets fail`);
    if (name === "ptraceContinue" && typeof args[0] === "number") this.#watchTable(args[0]);
    const result = call(...args);
    if (name === "mapShared") this.#shared ??= result as SharedMemory;
    return result;
  }

  /** Looks at the table that the agent of a tracee will run, and spoils the entry that is to fail. */
  #watchTable(pid: number): void {
    if (this.#shared === undefined) return;
    const registers = new BigUint64Array(new ArrayBuffer(27 * 8));
    this.#real.ptraceGetRegisters(pid, registers);
    const isNew = !this.#known.has(pid);
    this.#known.add(pid);
    const address = Number(registers[SLOT_REGISTER]);
    // Before they have their slots, the coordinator and its sibling make calls without a table.
    if (Number(registers[INSTRUCTION_REGISTER]) < Number(PROGRAM_BASE) + PROGRAM_SIZE) return;
    if (this.#base === undefined) {
      this.#base = address;
      return;
    }
    const view = new DataView(this.#shared.bytes.buffer, this.#shared.bytes.byteOffset);
    const at = (offset: number) => Number(view.getBigInt64(offset, true));
    const entry = Number(registers[ENTRY_REGISTER]) - this.#base;
    const slot = isNew ? at(entry + ENTRY_ARGUMENTS + 8 * CLONE3_SLOT_ARGUMENT) - this.#base : address - this.#base;
    const [start, end] = [at(slot + SLOT_START), at(slot + SLOT_COUNT)];
    const { failRemoteCall, remoteName } = this.#faults;
    const table = at(slot + SLOT_TABLE) - this.#base;
    for (let index = start; index < end; index++) {
      const number = table + index * ENTRY_SIZE + ENTRY_NUMBER;
      if (remoteName !== undefined && at(number) !== SYSCALLS_X86_64[remoteName]) continue;
      if (++this.remoteCalls === failRemoteCall) view.setBigInt64(number, BigInt(NO_CALL), true);
    }
  }
}

const SIGKILL = 9;
const SIGTERM = 15;
