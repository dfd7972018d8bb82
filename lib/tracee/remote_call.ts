/**
 * A system call for a tracee to make. An argument is a number, something that it shall point to, or the address of
 * another slot.
 */
export interface RemoteCall {
  readonly number: number;
  readonly arguments: readonly RemoteArgument[];
  /** The only result that is right, where not failing is not enough: bytes read, a number that was asked for. */
  readonly expected?: number | undefined;
  /** Errors, by the names of their errnos, that are as good as success. */
  readonly tolerated?: readonly string[] | undefined;
  /** What the call is for, told when it fails: attempt, object, and a hint that may depend on the errno. */
  readonly purpose: CallPurpose;
  /** What the call does to a name in the file system when it succeeds, for whoever has to undo that. */
  readonly effect?: NameEffect | undefined;
  /**
   * Made by cgrestore itself, on a copy of the tracee's descriptor: ioctl(2) with bytes to read, and nothing else that is
   * asked of it. For requests that take capabilities outside of any user namespace, where the tracee may have none.
   */
  readonly isOurs?: true | undefined;
}

/**
 * What happens to a name; paths are absolute, as the tracee sees them. A file is moved that is in the way: it goes when
 * all has succeeded, and is moved back when something has failed.
 */
export type NameEffect =
  & (
    | { readonly kind: "makes-file" | "makes-directory" | "removes"; readonly path: string }
    | { readonly kind: "moves"; readonly path: string; readonly to: string }
  )
  /** The number of the mount namespace that paths are of, or this host's; absent: that of the root task. */
  & { readonly mountNamespace?: number | "host" };

export type RemoteArgument =
  | number
  | bigint
  | Uint8Array
  | SlotReference
  | CloneReference
  | StructReference
  | OutputReference;

/** The address of the slot with this index. */
export interface SlotReference {
  readonly slot: number;
}

/** The address of a `struct clone_args`. */
export interface CloneReference {
  readonly clone: CloneArguments;
}

/** The address of a structure that has pointers in it. */
export interface StructReference {
  readonly struct: Uint8Array;
  /** At each offset goes the address of these bytes, or of another structure. */
  readonly pointers: readonly (readonly [offset: number, target: Uint8Array | StructReference])[];
}

/** The address of memory for the call to write to; it is copied to `output` when the table has been run. */
export interface OutputReference {
  readonly output: Uint8Array;
  /** The only bytes that are right. */
  readonly expected?: Uint8Array;
}

export interface CallPurpose {
  /** The system call's name. */
  readonly call: string;
  /** `Cannot create task 77 "sh"`. */
  attempt(): string;
  hint?(code: string): string | undefined;
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
  for (let at = 0; at < CLONE_ARGS_SIZE; at += 8) memory.setBigUint64(at, 0n, true);
  const chosen = clone.tid !== 0;
  memory.setBigUint64(0, clone.flags, true);
  memory.setBigUint64(32, BigInt(clone.exitSignal), true);
  memory.setBigUint64(64, chosen ? address + BigInt(CLONE_ARGS_SIZE) : 0n, true); // set_tid
  memory.setBigUint64(72, chosen ? 1n : 0n, true); // set_tid_size
  memory.setBigUint64(80, BigInt(clone.cgroup), true);
  memory.setInt32(CLONE_ARGS_SIZE, clone.tid, true);
}

/** Room that an argument needs besides its word, in bytes. */
export function dataSize(argument: RemoteArgument): number {
  if (typeof argument !== "object" || "slot" in argument) return 0;
  if (argument instanceof Uint8Array) return rounded(argument.length);
  if ("clone" in argument) return rounded(CLONE_ARGS_SIZE + 4);
  if ("output" in argument) return rounded(argument.output.length);
  return argument.pointers.reduce((sum, [, target]) => sum + dataSize(target), rounded(argument.struct.length));
}

/** `size` up to a multiple of 8: everything begins at a word. */
export function rounded(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** Room that the arguments of `calls`, from `start` to before `end`, need besides their words, in bytes. */
export function dataSizeOf(calls: readonly RemoteCall[], start = 0, end = calls.length): number {
  let size = 0;
  for (let index = start; index < end; index++) {
    // Most are numbers.
    for (const argument of calls[index]?.arguments ?? []) if (typeof argument === "object") size += dataSize(argument);
  }
  return size;
}
