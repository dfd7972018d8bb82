import { SysError } from "../errors.ts";
import { PTRACE_EVENT_STOP } from "../sys/constants.ts";
import { ptraceEvent, stopped, stopSignal } from "../sys/wait_status.ts";
import type { RemoteCall } from "./remote_call.ts";
import { COMPAT_CALL } from "./syscalls_x86_64.ts";
import { signalToPass, type Tracee } from "./tracee.ts";

/**
 * The last steps in a task, in which the agent can no longer hit its breakpoint: signals are blocked and actions are
 * final by then, and the breakpoint would change them (`force_sig_info_to_task`, kernel/signal.c); and in the end the
 * agent itself is not there any more. So the kernel is asked to stop the task at each system call.
 */

const PAGE = 4096;
const SIGTRAP = 5;
const SIGSTOP = 19;
const SYSCALL_STOP = SIGTRAP | 0x80; // PTRACE_O_TRACESYSGOOD
const STOP_TIMEOUT_MS = 10_000;

/** Makes one system call. Afterwards the thread is stopped behind it. */
export function callBetweenStops(tracee: Tracee, call: RemoteCall): void {
  const { context: { sys, architecture, slots }, pid } = tracee;
  // There its arguments get their addresses.
  slots.load(tracee.slot, [call]);
  setCall(tracee, call.number, slots.argumentsOf(tracee.slot, 0));
  // To the entry, and to the exit.
  for (let stop = 0; stop < 2; stop++) {
    sys.ptraceSyscall(pid, 0);
    waitForStop(tracee, SYSCALL_STOP, (passed) => sys.ptraceSyscall(pid, passed));
  }
  const result = Number(BigInt.asIntN(64, readRegisters(tracee)[architecture.register.result] ?? 0n));
  if (result >= 0 || result < -4095) return;
  throw new SysError(call.purpose.call, sys.errnoName(-result), call.purpose.attempt());
}

/**
 * Begins to take the agent and the shared memory out of a task, all of whose threads are stopped there.
 *
 * @param actionsAreFinal whether the task's action for SIGTRAP is not the default any more
 */
export function startRemoval(tracee: Tracee, { actionsAreFinal }: { readonly actionsAreFinal: boolean }): void {
  const { context: { sys, architecture, base, slots }, pid } = tracee;
  setCall(tracee, architecture.syscall.munmap, [base, PAGE + slots.size]);
  if (actionsAreFinal) sys.ptraceSyscall(pid, 0);
  // One stop instead of two: the step ends behind the call, with a SIGTRAP, before there is no next instruction.
  else sys.ptraceStep(pid, 0);
}

/** Waits until what `startRemoval` has begun is done. Whether it succeeded is seen in the task's memory. */
export function finishRemoval(tracee: Tracee, { actionsAreFinal }: { readonly actionsAreFinal: boolean }): void {
  const { context: { sys }, pid } = tracee;
  if (!actionsAreFinal) return waitForStop(tracee, SIGTRAP, (passed) => sys.ptraceStep(pid, passed));
  waitForStop(tracee, SYSCALL_STOP, (passed) => sys.ptraceSyscall(pid, passed));
  sys.ptraceSyscall(pid, 0);
  waitForStop(tracee, SYSCALL_STOP, (passed) => sys.ptraceSyscall(pid, passed));
}

/** Puts a thread before a system call. */
function setCall(tracee: Tracee, number: number, args: readonly number[]): void {
  const { context: { sys, architecture, base }, pid } = tracee;
  const { register, gadget, compatGadget } = architecture;
  const isCompat = number >= COMPAT_CALL;
  const registers = readRegisters(tracee);
  registers[register.instruction] = BigInt(base + (isCompat ? compatGadget : gadget));
  registers[register.number] = BigInt(isCompat ? number - COMPAT_CALL : number);
  registers[register.originalNumber] = 0xffff_ffff_ffff_ffffn;
  const indices = isCompat ? register.compatArguments : register.arguments;
  indices.forEach((index, i) => registers[index] = BigInt.asUintN(64, BigInt(args[i] ?? 0)));
  sys.ptraceSetRegisters(pid, registers);
}

function readRegisters({ context: { sys, architecture }, pid }: Tracee): BigUint64Array<ArrayBuffer> {
  const registers = new BigUint64Array(new ArrayBuffer(8 * architecture.registerCount));
  sys.ptraceGetRegisters(pid, registers);
  return registers;
}

/** @param goOn continues a task after a stop that is not the one, passing a signal on */
function waitForStop(tracee: Tracee, signal: number, goOn: (passed: number) => void): void {
  const { context: { sys }, pid } = tracee;
  for (;;) {
    const status = sys.wait(pid, STOP_TIMEOUT_MS)?.status;
    if (status === undefined || !stopped(status)) break;
    if (stopSignal(status) === signal && ptraceEvent(status) === 0) return;
    if (stopSignal(status) !== SIGSTOP && ptraceEvent(status) !== PTRACE_EVENT_STOP) break;
    goOn(signalToPass(status));
  }
  throw new SysError("ptrace", "EPROTO", `Cannot follow task ${pid} through a system call`);
}
