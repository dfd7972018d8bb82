import { SysError } from "../errors.ts";
import { X86_64 } from "./agent_x86_64.ts";
import type { SYSCALLS_X86_64 } from "./syscalls_x86_64.ts";

/** All that depends on the processor, in one place: what runs inside a tracee, and how it is addressed. */
export interface Architecture {
  /** As `uname -m` says. */
  readonly machine: string;
  /** `e_machine` of ELF (elf.h). */
  readonly elfMachine: number;
  /** The agent; see `agent_layout.ts`. Position-independent. */
  readonly agent: Uint8Array<ArrayBuffer>;
  /** Offset in the agent of the parking breakpoint, where a thread enters it. */
  readonly park: number;
  /** Offset of a lone system call instruction that is followed by a breakpoint. */
  readonly gadget: number;
  /** The same for system calls of 32 bits. */
  readonly compatGadget: number;
  /** What a fresh coordinator runs until it is seized: dies with its parent, else waits. */
  readonly stub: (parent: number) => Uint8Array<ArrayBuffer>;
  /** What a sibling of ours runs until it is seized: waits until the pipe with this descriptor is closed, and ends. */
  readonly siblingStub: (pipe: number) => Uint8Array<ArrayBuffer>;
  /** Words in `struct user_regs_struct` (sys/user.h). */
  readonly registerCount: number;
  readonly register: {
    readonly instruction: number;
    readonly stack: number;
    readonly slot: number;
    /** Where the agent keeps the index of the entry that it runs. */
    readonly entry: number;
    readonly number: number;
    /** Tells the kernel that no system call is to be restarted, when set to -1. */
    readonly originalNumber: number;
    readonly result: number;
    readonly arguments: readonly number[];
    /** Those of system calls of 32 bits. */
    readonly compatArguments: readonly number[];
  };
  readonly syscall: SyscallNumbers;
}

/** System call numbers by name (asm/unistd.h). */
export type SyscallNumbers = Readonly<Record<keyof typeof SYSCALLS_X86_64, number>>;

/**
 * The architecture of this host.
 *
 * @throws {SysError} ENOSYS where tasks cannot be made yet
 */
export function architectureOf(machine: string): Architecture {
  if (machine === X86_64.machine) return X86_64;
  throw new SysError(
    "uname",
    "ENOSYS",
    `Cannot make tasks on a machine of type "${machine}"`,
    "this version makes tasks on x86_64 only; plan and show work everywhere",
  );
}
