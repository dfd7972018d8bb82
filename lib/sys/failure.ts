import { SysError } from "../errors.ts";
import { errnoName } from "./errno.ts";

/** What the kernel asks for when it answers EPERM. */
const PRIVILEGE: Readonly<Record<string, string>> = {
  mount: "needs CAP_SYS_ADMIN",
  umount2: "needs CAP_SYS_ADMIN",
  unshare: "needs CAP_SYS_ADMIN",
  setns: "needs CAP_SYS_ADMIN",
  fchown: "needs CAP_CHOWN",
  fchmod: "needs CAP_FOWNER",
  kill: "needs CAP_KILL",
  pidfd_getfd: "needs CAP_SYS_PTRACE, and the sysctl kernel.yama.ptrace_scope below 3",
  process_vm_writev: "needs CAP_SYS_PTRACE",
  "ptrace(PTRACE_SET_THREAD_AREA)": "needs a kernel with CONFIG_IA32_EMULATION",
  "ptrace(PTRACE_SEIZE)": "needs CAP_SYS_PTRACE, and a task that nothing else traces",
};

/** What to do about an errno, of one call or whatever the call. */
const REMEDY: Readonly<Record<string, string>> = {
  "memfd_create EACCES":
    "the sysctl vm.memfd_noexec forbids programs in memory, which tasks are made with: set it to 1",
  EMFILE: "raise the limit of open files, ulimit -n",
  ENFILE: "raise the sysctl fs.file-max",
  ENOSYS: "Linux 5.6 or newer has the call; a seccomp filter may forbid it",
};

/** The error of a call, with what to do about it; `result` is what the call gave: minus the errno. */
export function failure(call: string, result: number | bigint, attempt: string): SysError {
  const name = errnoName(-Number(result));
  return new SysError(
    call,
    name,
    attempt,
    name === "EPERM" ? PRIVILEGE[call] : REMEDY[`${call} ${name}`] ?? REMEDY[name],
  );
}
