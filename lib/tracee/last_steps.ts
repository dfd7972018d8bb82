import { SysError } from "../errors.ts";
import { stopped, stopSignal } from "../sys/wait_status.ts";
import type { RemoteCall } from "./remote_call.ts";
import type { Tracee } from "./tracee.ts";

/**
 * The last steps in a task, in which the agent can no longer hit its breakpoint: signals are blocked and actions are
 * final by then, and the breakpoint would change them (`force_sig_info_to_task`, kernel/signal.c); and in the end the
 * agent itself is not there any more. So the kernel is asked to stop the task at each system call.
 */

const PAGE = 4096;
const SYSCALL_STOP = 5 | 0x80; // SIGTRAP with PTRACE_O_TRACESYSGOOD
const STOP_TIMEOUT_MS = 10_000;

/** Makes one system call. Afterwards the thread is stopped behind it. */
export function callBetweenStops(tracee: Tracee, call: RemoteCall): void {
  const { context: { sys, architecture, base, slots }, pid } = tracee;
  // There its arguments get their addresses.
  slots.load(tracee.slot, [call]);
  const args = slots.argumentsOf(tracee.slot, 0);
  const { register } = architecture;
  const registers = new BigUint64Array(new ArrayBuffer(8 * architecture.registerCount));
  sys.ptraceGetRegisters(pid, registers);
  registers[register.instruction] = BigInt(base + architecture.gadget);
  registers[register.number] = BigInt(call.number);
  registers[register.originalNumber] = 0xffff_ffff_ffff_ffffn;
  register.arguments.forEach((index, i) => registers[index] = BigInt.asUintN(64, BigInt(args[i] ?? 0)));
  sys.ptraceSetRegisters(pid, registers);
  // To the entry, and to the exit.
  for (let stop = 0; stop < 2; stop++) continueToCall(tracee);
  sys.ptraceGetRegisters(pid, registers);
  const result = Number(BigInt.asIntN(64, registers[register.result] ?? 0n));
  if (result >= 0 || result < -4095) return;
  throw new SysError(call.purpose.call, sys.errnoName(-result), call.purpose.attempt());
}

function continueToCall({ context: { sys }, pid }: Tracee): void {
  sys.ptraceSyscall(pid);
  const result = sys.wait(pid, STOP_TIMEOUT_MS);
  if (result !== undefined && stopped(result.status) && stopSignal(result.status) === SYSCALL_STOP) return;
  throw new SysError("ptrace", "EPROTO", `Cannot follow task ${pid} through a system call`);
}

/** Takes the agent and the shared memory out of a task; all its threads are stopped in what is gone then. */
export function unmapAgent(tracee: Tracee): void {
  const { architecture, base, slots } = tracee.context;
  callBetweenStops(tracee, {
    number: architecture.syscall.munmap,
    arguments: [base, PAGE + slots.size],
    purpose: { call: "munmap", attempt: () => `Cannot take the agent out of task ${tracee.pid}` },
  });
}
