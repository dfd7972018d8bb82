import { encodeText } from "../text.ts";

/**
 * A system call for a tracee to make. An argument is a number, bytes or a structure that it shall point to, or the
 * address of another slot.
 */
export interface RemoteCall {
  readonly number: number;
  readonly arguments: readonly RemoteArgument[];
  /** What the call is for, told when it fails: attempt, object, and a hint that may depend on the errno. */
  readonly purpose: CallPurpose;
}

export type RemoteArgument = number | bigint | Uint8Array | SlotReference | CloneReference;

/** The address of a `struct clone_args`. */
export interface CloneReference {
  readonly clone: CloneArguments;
}

/** The address of the slot with this index. */
export interface SlotReference {
  readonly slot: number;
}

export interface CallPurpose {
  /** The system call's name. */
  readonly call: string;
  /** `Cannot create task 77 "sh"`. */
  attempt(): string;
  hint?(code: string): string | undefined;
}

/** `text` as C wants it: its bytes with a NUL at the end. */
export function cString(text: string): Uint8Array {
  return encodeText(`${text}\0`);
}

/** Size of `struct clone_args` (linux/sched.h), with its eleven 64-bit fields. */
export const CLONE_ARGS_SIZE = 88;

/** What clone3(2) is asked for. */
export interface CloneArguments {
  readonly flags: bigint;
  readonly exitSignal: number;
  /** The pid or tid of the child in the innermost pid namespace; 0 lets the kernel choose. */
  readonly tid: number;
  /** Directory descriptor for CLONE_INTO_CGROUP, else 0. */
  readonly cgroup: number;
}

/** Writes `struct clone_args` at the start of `memory`, which the child's creator sees at `address`. */
export function writeCloneArguments(memory: DataView, address: bigint, clone: CloneArguments): void {
  const chosen = clone.tid !== 0;
  memory.setBigUint64(0, clone.flags, true);
  memory.setBigUint64(32, BigInt(clone.exitSignal), true);
  memory.setBigUint64(64, chosen ? address + BigInt(CLONE_ARGS_SIZE) : 0n, true); // set_tid
  memory.setBigUint64(72, chosen ? 1n : 0n, true); // set_tid_size
  memory.setBigUint64(80, BigInt(clone.cgroup), true);
  memory.setInt32(CLONE_ARGS_SIZE, clone.tid, true);
}
