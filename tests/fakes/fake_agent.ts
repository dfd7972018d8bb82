/** What tracees of the fake kernel run: the agent, and the gadget of the coordinator's program. */

import {
  CLONE3_SLOT_ARGUMENT,
  ENTRY_ARGUMENTS,
  ENTRY_NUMBER,
  ENTRY_RESULT,
  ENTRY_SIZE,
  FLAG_KEEP_GOING,
  SLOT_COUNT,
  SLOT_EXECUTED,
  SLOT_FLAGS,
  SLOT_START,
  SLOT_TABLE,
} from "../../lib/tracee/agent_layout.ts";
import { X86_64 } from "../../lib/tracee/agent_x86_64.ts";
import type { FakeTask, ProgramStop } from "./fake_tasks.ts";

/** Carries out a system call; `undefined` while it blocks. May end the task. */
export type RunCall = (task: FakeTask, number: number, args: readonly bigint[]) => number | undefined;

/** Begins a call, so that each is counted once however long it blocks. */
export type StartCall = (task: FakeTask, number: number, args: readonly bigint[]) => () => number | undefined;

const { register, syscall } = X86_64;
const SIGILL = 4;
const SIGTRAP = 5;
const SIGSEGV = 11;
const PROT_EXEC = 4;

/** The program at the instruction pointer of a task that was sent there by its tracer. */
export function programOf(task: FakeTask, start: StartCall): Generator<ProgramStop, void, void> {
  const address = task.registers[register.instruction] ?? 0n;
  const mapping = task.leader.memory.find(address);
  if (mapping === undefined || (mapping.protection & PROT_EXEC) === 0) return faultProgram(SIGSEGV);
  const bytes = mapping.file?.bytes ?? mapping.own;
  const offset = Number(address - mapping.start);
  const isAt = (code: Uint8Array, at: number) => at >= 0 && code.every((byte, i) => bytes[at + i] === byte);
  if (isAt(X86_64.agent, offset - X86_64.park)) return agentProgram(task, start, { isBorn: false });
  if (isAt(Uint8Array.of(0x0f, 0x05, 0xcc), offset)) return gadgetProgram(task, start);
  return faultProgram(SIGILL);
}

/** Waits for ever: what the coordinator does until it is seized. */
export function* stubProgram(): Generator<ProgramStop, void, void> {
  for (;;) yield { kind: "hold" };
}

function* faultProgram(signal: number): Generator<ProgramStop, void, void> {
  for (;;) yield { kind: "signal", signal };
}

/** One call from the registers, then the breakpoint behind it. */
function* gadgetProgram(task: FakeTask, start: StartCall): Generator<ProgramStop, void, void> {
  const { registers } = task;
  const args = register.arguments.map((index) => registers[index] ?? 0n);
  const run = start(task, Number(registers[register.number] ?? 0n), args);
  let result = run();
  for (; result === undefined; result = run()) yield { kind: "blocked" };
  registers[register.result] = BigInt.asUintN(64, BigInt(result));
  registers[register.instruction] = (registers[register.instruction] ?? 0n) + 3n;
  yield { kind: "signal", signal: SIGTRAP };
  yield* faultProgram(SIGILL);
}

/** The agent, as `agent_layout.ts` describes it. A newborn begins behind the breakpoint. */
export function* agentProgram(
  task: FakeTask,
  start: StartCall,
  { isBorn }: { readonly isBorn: boolean },
): Generator<ProgramStop, void, void> {
  if (!isBorn) yield { kind: "signal", signal: SIGTRAP };
  for (;;) {
    const slot = task.registers[register.slot] ?? 0n;
    const word = (offset: number) => task.leader.memory.view(slot + BigInt(offset), 8);
    const count = word(SLOT_COUNT).getBigInt64(0, true);
    if (count < 0n) { for (;;) yield { kind: "hold" }; }
    let index = word(SLOT_START).getBigInt64(0, true);
    while (index < count) {
      const entry = word(SLOT_TABLE).getBigUint64(0, true) + index * BigInt(ENTRY_SIZE);
      const field = (offset: number) => task.leader.memory.view(entry + BigInt(offset), 8);
      const number = Number(field(ENTRY_NUMBER).getBigInt64(0, true));
      const args = Array.from({ length: 6 }, (_, i) => field(ENTRY_ARGUMENTS + 8 * i).getBigUint64(0, true));
      const run = start(task, number, args);
      let result = run();
      for (; result === undefined; result = run()) yield { kind: "blocked" };
      if (!task.isAlive) return;
      field(ENTRY_RESULT).setBigInt64(0, BigInt(result), true);
      index++;
      yield { kind: "ready" };
      const hasFailed = result < 0 && result >= -4095;
      if (hasFailed && (word(SLOT_FLAGS).getBigInt64(0, true) & BigInt(FLAG_KEEP_GOING)) === 0n) break;
    }
    word(SLOT_EXECUTED).setBigInt64(0, index, true);
    yield { kind: "signal", signal: SIGTRAP };
  }
}

/** Makes a child of clone3 begin with the slot that the call names. */
export function enterAgent(child: FakeTask, args: readonly bigint[], start: StartCall): void {
  child.registers[register.slot] = args[CLONE3_SLOT_ARGUMENT] ?? 0n;
  child.program = agentProgram(child, start, { isBorn: true });
}

/** What ptrace shows of a task that was interrupted in pause(2). */
export function showInterruptedPause(task: FakeTask): void {
  task.registers[register.originalNumber] = BigInt(syscall.pause);
  task.registers[register.result] = BigInt.asUintN(64, -514n); // ERESTARTNOHAND
}

/** Lets a tracee run on: where it was, or from where its registers were set to. */
export function resumeProgram(task: FakeTask, start: StartCall): void {
  if (task.isRedirected) {
    // The kernel steps back to the system call instruction when it thinks that one is to be restarted.
    const restarts = BigInt.asIntN(64, task.registers[register.originalNumber] ?? 0n) >= 0n &&
      BigInt.asIntN(64, task.registers[register.result] ?? 0n) === -514n;
    if (restarts) task.registers[register.instruction] = (task.registers[register.instruction] ?? 0n) - 2n;
    task.program = programOf(task, start);
  }
  task.isRedirected = false;
  task.state = "running";
}
