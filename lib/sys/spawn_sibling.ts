import { CLONE_NEWPID, CLONE_NEWUSER, CLONE_PARENT, CLONE_VFORK, CLONE_VM } from "./constants.ts";
import type { Listing } from "./machine_code.ts";

/**
 * Starting a program as a child of our own parent. posix_spawn(3) cannot do that, and between clone3(2) and execveat(2)
 * nothing of JavaScript may run in the child: so this is a few instructions of our own.
 *
 * `long spawn(struct clone_args *args, size_t size, int fd, char **argv, char **envp, struct capabilities *all)`
 *
 * With `all`, which is what capset(2) takes, the child keeps its capabilities in a new user namespace when it executes
 * its program: as ambient ones, since it is nobody there as long as there are no maps. They end with the last of them.
 */
export const SPAWN_LISTING: Listing = [
  ["4989ca", "mov r10, rcx"],
  ["b8b3010000", "mov eax, 435"],
  ["0f05", "syscall"],
  ["4885c0", "test rax, rax"],
  ["7401", "je child"],
  ["c3", "ret"],
  ["4189d4", "child: mov r12d, edx"],
  ["4d89d5", "mov r13, r10"],
  ["4d89c6", "mov r14, r8"],
  ["4c89cf", "mov rdi, r9"],
  ["4885ff", "test rdi, rdi"],
  ["742d", "je run"],
  ["498d7108", "lea rsi, [r9 + 8]"],
  ["b87e000000", "mov eax, 126"],
  ["0f05", "syscall"],
  ["31db", "xor ebx, ebx"],
  ["bf2f000000", "raise: mov edi, 47"],
  ["be02000000", "mov esi, 2"],
  ["89da", "mov edx, ebx"],
  ["4531d2", "xor r10d, r10d"],
  ["4531c0", "xor r8d, r8d"],
  ["b89d000000", "mov eax, 157"],
  ["0f05", "syscall"],
  ["ffc3", "inc ebx"],
  ["4885c0", "test rax, rax"],
  ["74e0", "je raise"],
  ["4489e7", "run: mov edi, r12d"],
  ["488d351f000000", "lea rsi, [rip + empty]"],
  ["4c89ea", "mov rdx, r13"],
  ["4d89f2", "mov r10, r14"],
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
    "buffer", /* struct capabilities *all, or NULL */
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
  readonly newUserNamespace: boolean;
}): BigUint64Array<ArrayBuffer> {
  const args = new BigUint64Array(new ArrayBuffer(CLONE_ARGS_SIZE));
  const { newPidNamespace, newUserNamespace } = options;
  const namespaces = (newPidNamespace ? CLONE_NEWPID : 0) | (newUserNamespace ? CLONE_NEWUSER : 0);
  args[0] = BigInt(CLONE_VM | CLONE_VFORK | CLONE_PARENT | namespaces);
  args[STACK] = options.stack;
  args[STACK_SIZE] = BigInt(SPAWN_STACK_SIZE);
  args[SET_TID] = options.pid;
  args[SET_TID_SIZE] = 1n;
  return args;
}

const CAPABILITY_VERSION_3 = 0x2008_0522;

/** All capabilities there are, inheritable as well: `struct __user_cap_header_struct`, and two of `__user_cap_data_struct`. */
export function allCapabilities(): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(CAPABILITY_VERSION_3, 0, ...new Array<number>(6).fill(0xffff_ffff));
}
