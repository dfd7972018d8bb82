import { CLONE_NEWPID, CLONE_PARENT, CLONE_VFORK, CLONE_VM } from "./constants.ts";
import type { Listing } from "./machine_code.ts";

/**
 * Starting a program as a child of our own parent. posix_spawn(3) cannot do that, and between clone3(2) and execveat(2)
 * nothing of JavaScript may run in the child: so this is a few instructions of our own.
 *
 * `long spawn(struct clone_args *args, size_t size, int fd, char **argv, char **envp)`
 */
export const SPAWN_LISTING: Listing = [
  ["4989c9", "mov r9, rcx"],
  ["b8b3010000", "mov eax, 435"],
  ["0f05", "syscall"],
  ["4885c0", "test rax, rax"],
  ["7401", "je child"],
  ["c3", "ret"],
  ["89d7", "child: mov edi, edx"],
  ["488d351f000000", "lea rsi, [rip + empty]"],
  ["4c89ca", "mov rdx, r9"],
  ["4d89c2", "mov r10, r8"],
  ["41b800100000", "mov r8d, 4096"],
  ["b842010000", "mov eax, 322"],
  ["0f05", "syscall"],
  ["bf7f000000", "mov edi, 127"],
  ["b8e7000000", "mov eax, 231"],
  ["0f05", "syscall"],
  ["00", "empty: .byte 0"],
];

export const SPAWN_DECLARATION = {
  parameters: [
    "buffer", /* struct clone_args * */
    "usize", /* size_t size */
    "i32", /* int fd */
    "buffer", /* char *const argv[] */
    "buffer", /* char *const envp[] */
  ],
  result: "i64", /* a pid, or a negated errno */
} as const satisfies Deno.ForeignFunction;

/** What the child runs on until it has its program. */
export const SPAWN_STACK_SIZE = 65536;

export const CLONE_ARGS_SIZE = 88;
const STACK = 40 / 8;
const STACK_SIZE = 48 / 8;
const SET_TID = 64 / 8;
const SET_TID_SIZE = 72 / 8;

/** `struct clone_args` (linux/sched.h); exit_signal must be 0 with CLONE_PARENT: the child has ours. */
export function cloneArguments(options: {
  readonly stack: bigint;
  /** Address of the pid that it shall have. */
  readonly pid: bigint;
  readonly newPidNamespace: boolean;
}): BigUint64Array<ArrayBuffer> {
  const args = new BigUint64Array(new ArrayBuffer(CLONE_ARGS_SIZE));
  args[0] = BigInt(CLONE_VM | CLONE_VFORK | CLONE_PARENT | (options.newPidNamespace ? CLONE_NEWPID : 0));
  args[STACK] = options.stack;
  args[STACK_SIZE] = BigInt(SPAWN_STACK_SIZE);
  args[SET_TID] = options.pid;
  args[SET_TID_SIZE] = 1n;
  return args;
}
