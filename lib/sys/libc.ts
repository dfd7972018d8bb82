/**
 * The C library's functions that the system layer calls, as one table.
 *
 * Only functions that every glibc since 2.31 exports; what is younger or has no wrapper goes through `syscall`. Variadic
 * functions (open, fcntl, prctl, ptrace, syscall) are declared with the arguments we pass, which x86-64 and aarch64 Linux
 * hand over in the same registers. Counts that the kernel limits to 0x7ffff000 bytes, and results that are only ever 0
 * or -1, are declared `i32` even where C says `ssize_t` or `long`: the low half of the register holds all of them, and
 * a number costs less than a bigint.
 */

import { SysError } from "../errors.ts";
import { cString, encodeText } from "../text.ts";
import { buildCallLibrary } from "./call_library.ts";
import { MFD_CLOEXEC, MFD_NOEXEC_SEAL } from "./constants.ts";
import { failure } from "./failure.ts";

interface CFunction extends Deno.ForeignFunction {
  /** Where it does not fail with -1, but with NULL or never. */
  readonly fails?: "with NULL" | "never";
}

const FUNCTIONS = {
  open: {
    parameters: ["buffer", /* const char *path */ "i32", /* int flags */ "u32" /* mode_t mode */],
    result: "i32",
  },
  openat2: {
    name: "syscall",
    parameters: [
      "i64", /* long number */
      "i64", /* int dirfd */
      "buffer", /* const char *path */
      "buffer", /* struct open_how *how */
      "usize", /* size_t size */
    ],
    result: "i32",
  },
  close: { parameters: ["i32" /* int fd */], result: "i32" },
  read: {
    parameters: ["i32", /* int fd */ "buffer", /* void *buf */ "usize" /* size_t count */],
    result: "i32", /* ssize_t */
  },
  pread: {
    parameters: [
      "i32", /* int fd */
      "buffer", /* void *buf */
      "usize", /* size_t count */
      "i64", /* off_t offset */
    ],
    result: "i32", /* ssize_t */
  },
  write: {
    parameters: ["i32", /* int fd */ "buffer", /* const void *buf */ "usize" /* size_t count */],
    result: "i32", /* ssize_t */
  },
  lseek: {
    parameters: ["i32", /* int fd */ "i64", /* off_t offset */ "i32" /* int whence */],
    result: "i32", /* off_t: only ever the start of a file */
  },
  getdents64: {
    name: "syscall",
    parameters: [
      "i64", /* long number */
      "i64", /* int fd */
      "buffer", /* struct linux_dirent64 *dirp */
      "usize", /* size_t count */
    ],
    result: "i32", /* ssize_t */
  },
  readlink: {
    parameters: ["buffer", /* const char *path */ "buffer", /* char *buf */ "usize" /* size_t size */],
    result: "i32", /* ssize_t */
  },
  statx: {
    parameters: [
      "i32", /* int dirfd */
      "buffer", /* const char *path */
      "i32", /* int flags */
      "u32", /* unsigned int mask */
      "buffer", /* struct statx *buf */
    ],
    result: "i32",
  },
  fstatfs: { parameters: ["i32", /* int fd */ "buffer" /* struct statfs *buf */], result: "i32" },
  mkdirat: {
    parameters: ["i32", /* int dirfd */ "buffer", /* const char *path */ "u32" /* mode_t mode */],
    result: "i32",
  },
  unlinkat: {
    parameters: ["i32", /* int dirfd */ "buffer", /* const char *path */ "i32" /* int flags */],
    result: "i32",
  },
  renameat: {
    parameters: [
      "i32", /* int olddirfd */
      "buffer", /* const char *oldpath */
      "i32", /* int newdirfd */
      "buffer", /* const char *newpath */
    ],
    result: "i32",
  },
  rmdir: { parameters: ["buffer" /* const char *path */], result: "i32" },
  mkdtemp: { parameters: ["buffer" /* char *template */], result: "i64", /* char * */ fails: "with NULL" },
  fchown: { parameters: ["i32", /* int fd */ "u32", /* uid_t owner */ "u32" /* gid_t group */], result: "i32" },
  fchmod: { parameters: ["i32", /* int fd */ "u32" /* mode_t mode */], result: "i32" },
  socket: { parameters: ["i32", /* int domain */ "i32", /* int type */ "i32" /* int protocol */], result: "i32" },
  connect: {
    parameters: ["i32", /* int sockfd */ "buffer", /* const struct sockaddr *addr */ "u32" /* socklen_t addrlen */],
    result: "i32",
  },
  fcntl: { parameters: ["i32", /* int fd */ "i32", /* int op */ "i32" /* int arg */], result: "i32" },
  ioctl: {
    parameters: ["i32", /* int fd */ "usize", /* unsigned long op */ "buffer" /* void *argp */],
    result: "i32",
  },
  flock: { parameters: ["i32", /* int fd */ "i32" /* int op */], result: "i32" },
  fchdir: { parameters: ["i32" /* int fd */], result: "i32" },
  umask: { parameters: ["u32" /* mode_t mask */], result: "u32" },

  mount: {
    parameters: [
      "buffer", /* const char *source */
      "buffer", /* const char *target */
      "buffer", /* const char *filesystemtype */
      "usize", /* unsigned long mountflags */
      "buffer", /* const void *data */
    ],
    result: "i32",
  },
  umount2: { parameters: ["buffer", /* const char *target */ "i32" /* int flags */], result: "i32" },
  unshare: { parameters: ["i32" /* int flags */], result: "i32" },
  setns: { parameters: ["i32", /* int fd */ "i32" /* int nstype */], result: "i32" },

  clock_gettime: { parameters: ["i32", /* clockid_t clock */ "buffer" /* struct timespec *now */], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  pidfd_open: {
    name: "syscall",
    parameters: ["i64", /* SYS_pidfd_open */ "i32", /* pid_t pid */ "u32"],
    result: "i32",
  },
  pidfd_getfd: {
    name: "syscall",
    parameters: ["i64", /* SYS_pidfd_getfd */ "i32", /* int pidfd */ "i32", /* int targetfd */ "u32" /* flags */],
    result: "i32",
  },
  sendmsg: {
    parameters: ["i32", /* int sockfd */ "buffer", /* const struct msghdr *msg */ "i32" /* int flags */],
    result: "i32", /* ssize_t */
  },
  pipe2: { parameters: ["buffer", /* int pipefd[2] */ "i32" /* int flags */], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  gettid: { parameters: [], result: "i32" },
  getsid: { parameters: ["i32" /* pid_t pid */], result: "i32" },
  getpgid: { parameters: ["i32" /* pid_t pid */], result: "i32" },
  getpriority: {
    name: "syscall", // whose -1 is a failure, while that of glibc's getpriority is a nice value too
    parameters: ["i64", /* SYS_getpriority */ "i32", /* int which */ "u32" /* id_t who */],
    result: "i32",
  },
  kill: { parameters: ["i32", /* pid_t pid */ "i32" /* int sig */], result: "i32" },
  posix_spawn: {
    parameters: [
      "buffer", /* pid_t *pid */
      "buffer", /* const char *path */
      "buffer", /* const posix_spawn_file_actions_t *file_actions */
      "buffer", /* const posix_spawnattr_t *attrp */
      "buffer", /* char *const argv[] */
      "buffer", /* char *const envp[] */
    ],
    result: "i32", /* an errno, not -1 */
  },
  posix_spawnp: {
    parameters: [
      "buffer", /* pid_t *pid */
      "buffer", /* const char *file */
      "buffer", /* const posix_spawn_file_actions_t *file_actions */
      "buffer", /* const posix_spawnattr_t *attrp */
      "buffer", /* char *const argv[] */
      "buffer", /* char *const envp[] */
    ],
    result: "i32", /* an errno, not -1 */
  },
  posix_spawn_file_actions_init: { parameters: ["buffer" /* posix_spawn_file_actions_t * */], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer" /* posix_spawn_file_actions_t * */], result: "i32" },
  posix_spawn_file_actions_adddup2: {
    parameters: ["buffer", /* posix_spawn_file_actions_t * */ "i32", /* int fd */ "i32" /* int newfd */],
    result: "i32",
  },
  posix_spawnattr_init: { parameters: ["buffer" /* posix_spawnattr_t * */], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["buffer" /* posix_spawnattr_t * */], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", /* posix_spawnattr_t * */ "i16" /* short */], result: "i32" },
  posix_spawnattr_setsigdefault: {
    parameters: ["buffer", /* posix_spawnattr_t * */ "buffer" /* const sigset_t * */],
    result: "i32",
  },
  prctl: {
    parameters: [
      "i32", /* int op */
      "usize", /* unsigned long arg2 */
      "usize", /* unsigned long arg3 */
      "usize", /* unsigned long arg4 */
      "usize", /* unsigned long arg5 */
    ],
    result: "i32",
  },
  waitpid: {
    parameters: ["i32", /* pid_t pid */ "buffer", /* int *wstatus */ "i32" /* int options */],
    result: "i32",
  },
  ptrace: {
    parameters: ["i64", /* enum request */ "i32", /* pid_t pid */ "usize", /* void *addr */ "usize" /* void *data */],
    result: "i32", /* long */
  },
  ptrace_buffer: {
    name: "ptrace",
    parameters: ["i64", /* enum request */ "i32", /* pid_t pid */ "usize", /* void *addr */ "buffer" /* void *data */],
    result: "i32", /* long */
  },
  process_vm_writev: {
    parameters: [
      "i32", /* pid_t pid */
      "buffer", /* const struct iovec *local_iov */
      "usize", /* unsigned long liovcnt */
      "buffer", /* const struct iovec *remote_iov */
      "usize", /* unsigned long riovcnt */
      "usize", /* unsigned long flags */
    ],
    result: "i32", /* ssize_t */
  },

  memfd_create: { parameters: ["buffer", /* const char *name */ "u32" /* unsigned int flags */], result: "i32" },
  ftruncate: { parameters: ["i32", /* int fd */ "i64" /* off_t length */], result: "i32" },
  mmap: {
    parameters: [
      "usize", /* void *addr */
      "usize", /* size_t length */
      "i32", /* int prot */
      "i32", /* int flags */
      "i32", /* int fd */
      "i64", /* off_t offset */
    ],
    result: "i64", /* void * */
  },
  mprotect: { parameters: ["usize", /* void *addr */ "usize", /* size_t len */ "i32" /* int prot */], result: "i32" },
  munmap: { parameters: ["usize", /* void *addr */ "usize" /* size_t length */], result: "i32" },

  memcmp: {
    parameters: ["buffer", /* const void *s1 */ "buffer", /* const void *s2 */ "usize" /* size_t n */],
    result: "i32",
    fails: "never",
  },

  sigaction: {
    parameters: [
      "i32", /* int signum */
      "buffer", /* const struct sigaction *act */
      "buffer", /* struct sigaction *oldact */
    ],
    result: "i32",
  },
  pthread_sigmask: {
    parameters: ["i32", /* int how */ "buffer", /* const sigset_t *set */ "buffer" /* sigset_t *oldset */],
    result: "i32", /* an errno, not -1 */
  },
  nanosleep: {
    parameters: ["buffer", /* const struct timespec *duration */ "buffer" /* struct timespec *rem */],
    result: "i32",
  },
  timer_create: {
    name: "syscall",
    parameters: [
      "i64", /* long number */
      "i64", /* clockid_t clockid */
      "buffer", /* struct sigevent *sevp */
      "buffer", /* __kernel_timer_t *timerid: an int */
    ],
    result: "i32",
  },
  timer_settime: {
    name: "syscall",
    parameters: [
      "i64", /* long number */
      "i64", /* timer_t timerid */
      "i64", /* int flags */
      "buffer", /* const struct itimerspec *new_value */
      "buffer", /* struct itimerspec *old_value */
    ],
    result: "i32",
  },
  timer_delete: {
    name: "syscall",
    parameters: ["i64", /* long number */ "i64" /* timer_t timerid */],
    result: "i32",
  },
} as const satisfies Record<string, CFunction>;

type Symbols = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];
type Result = number | bigint;
type Argument = number | bigint | BufferSource | Deno.PointerValue;
type Call = (target: Deno.PointerValue, ...rest: Argument[]) => Result;

/** Calls have three arguments or six, so that few combinations of their types have to be loaded. */
const FEW = 3;
const MANY = 6;

/**
 * A last parameter that no function looks at: because it is a structure, Deno does not compile what calls the function.
 * That takes some 0.4 ms for each combination of types, and would only pay for itself after thousands of calls.
 */
const UNCOMPILED = { struct: ["u8"] } as const;
/** The argument for it. */
const IGNORED = new Uint8Array(1);

/** What there must be before the library for calls can be made. */
const FIRST_FUNCTIONS = {
  __errno_location: { parameters: [UNCOMPILED], result: "pointer" /* int * */ },
  dlsym: {
    parameters: ["pointer", /* void *handle */ "buffer", /* const char *symbol */ UNCOMPILED],
    result: "pointer",
  },
  memfd_create: {
    parameters: ["buffer", /* const char *name */ "u32", /* unsigned int flags */ UNCOMPILED],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The C library of this process, for the thread that opened it. */
export interface Libc {
  /** What fails with -1 or NULL in C gives back minus the errno, an `i64` even where C returns a pointer. */
  readonly symbols: Symbols;
  close(): void;
}

/**
 * The C library of this process; the caller closes it.
 *
 * Each function is looked up at its first use. Functions that take pointers at the same places share what Deno makes to
 * call them.
 *
 * @throws {SysError} ELIBACC where there is no glibc, as with musl, or libraries in memory are forbidden; that of
 * memfd_create(2)
 */
export function openLibc(): Libc {
  const first = load(LIBRARY, FIRST_FUNCTIONS);
  const library = new CallLibrary(first.symbols);
  const symbols = {};
  for (const [key, declaration] of Object.entries<CFunction>(FUNCTIONS)) {
    const find = () => {
      const name = declaration.name ?? key;
      const target = first.symbols.dlsym(null, cString(name), IGNORED);
      if (target === null) throw new Error(`Cannot find the function "${name}" in the C library`);
      return library.bind(target, declaration);
    };
    const get = () => {
      const value = declaration.fails === "never" ? library.bindDirectly(key, declaration) : find();
      Object.defineProperty(symbols, key, { value });
      return value;
    };
    Object.defineProperty(symbols, key, { get, configurable: true });
  }
  const opened = symbols as Symbols; // no check could tell the types of C functions
  const close = () => {
    opened.close(library.file);
    library.close();
    first.close();
  };
  return { symbols: opened, close };
}

/** Before glibc 2.34, dlsym(3) is in this part of it; it needs libc.so.6, so what is in that is found as well. */
const LIBRARY = "libdl.so.2";
const ATTEMPT = "Cannot make the library for system calls in memory";

/** @throws {SysError} ELIBACC */
function load<T extends Deno.ForeignLibraryInterface>(path: string, functions: T): Deno.DynamicLibrary<T> {
  try {
    return Deno.dlopen(path, functions);
  } catch (cause) {
    const attempt = path === LIBRARY ? "Cannot use the C library, which has to be glibc 2.31 or newer" : ATTEMPT;
    throw new SysError("dlopen", "ELIBACC", attempt, messageOf(cause), { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The library of `call_library.ts`, loaded once for each combination of types that it is called with. */
class CallLibrary {
  /** Its file, which stays open as long as it is loaded: only so is its path no other library's. */
  readonly file: number;
  readonly #path: string;
  readonly #loaded = new Map<string, Deno.DynamicLibrary<Record<string, Deno.ForeignFunction>>>();

  constructor(first: Deno.DynamicLibrary<typeof FIRST_FUNCTIONS>["symbols"]) {
    const name = encodeText("cgrestore-calls\0");
    // A library need not be a file that can be executed; kernels before 6.3 do not know the flag.
    const sealed = first.memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL, IGNORED);
    this.file = sealed >= 0 ? sealed : first.memfd_create(name, MFD_CLOEXEC, IGNORED);
    const errno = first.__errno_location(IGNORED);
    if (errno === null) throw new Error("Cannot find errno: __errno_location returned NULL");
    // Nearly always right, and there is no other way yet.
    if (this.file < 0) throw failure("memfd_create", -new Deno.UnsafePointerView(errno).getInt32(), ATTEMPT);
    this.#path = `/proc/self/fd/${this.file}`;
    const library = buildCallLibrary(Deno.UnsafePointer.value(errno), Deno.build.arch);
    try {
      Deno.writeFileSync(this.#path, library);
    } catch (cause) {
      throw new SysError("write", "EIO", ATTEMPT, messageOf(cause), { cause });
    }
  }

  /** The C function at `target`. What it gets beyond its parameters, it does not look at. */
  bind(target: Deno.PointerObject, declaration: CFunction): (...rest: Argument[]) => Result {
    const call = this.#load(declaration);
    return declaration.parameters.length <= FEW
      ? (a = 0, b = 0, c = 0) => call(target, a, b, c, IGNORED)
      : (a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) => call(target, a, b, c, d, e, f, IGNORED);
  }

  /** A C function whose results mean nothing but themselves. */
  bindDirectly(name: string, declaration: CFunction): unknown {
    const library = load(LIBRARY, { [name]: declaration });
    this.#loaded.set(name, library);
    return library.symbols[name];
  }

  #load({ parameters, result, fails }: CFunction): Call {
    const name = fails === undefined ? "call" : "call_pointer";
    const length = parameters.length <= FEW ? FEW : MANY;
    const types = Array.from({ length }, (_, index) => parameters[index] === "buffer" ? "buffer" : "i64");
    const key = [name, result, ...types].join(" ");
    const library = this.#loaded.get(key) ??
      load(this.#path, { [name]: { parameters: ["pointer", ...types, UNCOMPILED], result } });
    this.#loaded.set(key, library);
    return library.symbols[name] as Call;
  }

  close(): void {
    for (const library of this.#loaded.values()) library.close();
  }
}
