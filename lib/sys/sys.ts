/**
 * The kernel, as one interface. Everything in this project that has an effect, or looks at the machine, goes through
 * an injected `Sys`; tests inject one that fails a chosen call. Names are those of the system calls. All calls are
 * synchronous and made from one thread, as ptrace(2) demands. A call that fails throws a `SysError` with `code` set
 * to the errno's name, and has had no effect. File descriptors are close-on-exec from birth.
 */
export interface Sys {
  // ---- files; paths may be relative to the working directory
  open(path: string, flags: number, mode?: number): number;
  /** openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS. */
  openBeneath(directory: number, path: string, flags: number): number;
  close(fd: number): void;
  /** Reads once, up to the buffer's length; 0 at the end of the file. EINTR is retried. */
  read(fd: number, buffer: Uint8Array): number;
  /** Reads once from `offset` on (pread(2)); the descriptor's position stays. EINTR is retried. */
  pread(fd: number, buffer: Uint8Array, offset: number): number;
  /** Writes once; returns what the kernel took. EINTR is retried. */
  write(fd: number, data: Uint8Array): number;
  /** Names and kinds in a directory, without `.` and `..`, in the kernel's order. */
  readDirectory(fd: number): DirectoryEntry[];
  readLink(path: string): string;
  /**
   * Reads small files ahead, by their names in a directory: `"status"`, `"77/status"`. Yields what is in each, good until
   * the next; `undefined` for what is to be read by itself: it is large or empty, or cannot be read. A FIFO is not waited
   * for. Ends early where there is no reading ahead; who ends before has to return it.
   */
  readAhead(directory: string, names: readonly string[]): Generator<Uint8Array | undefined, void>;
  /** The same for links. */
  readLinksAhead(directory: string, names: readonly string[]): Generator<Uint8Array | undefined, void>;
  /** The texts of such files. */
  readAll(directory: string, names: readonly string[]): string[];
  /** The same for links. */
  readLinks(directory: string, names: readonly string[]): string[];
  fstat(fd: number): FileStatus;
  /** stat(2): links are followed. */
  stat(path: string): FileStatus;
  /** As `stat`, of a symbolic link itself. */
  lstat(path: string): FileStatus;
  /** What a path leads to, by its device and inode: equal for two paths of one file. */
  identity(path: string): string;
  /** `f_type` of fstatfs(2). */
  fileSystemType(fd: number): number;
  mkdirat(directory: number, path: string, mode: number): void;
  /** unlinkat(2) with AT_REMOVEDIR. */
  rmdirat(directory: number, path: string): void;
  /** unlinkat(2) of what is no directory. */
  unlinkat(directory: number, path: string): void;
  /** Both paths start from `directory`; what has the new name is replaced. */
  renameat(directory: number, from: string, to: string): void;
  fchown(fd: number, uid: number, gid: number): void;
  fchmod(fd: number, mode: number): void;
  /** Sets or clears close-on-exec. */
  setCloseOnExec(fd: number, on: boolean): void;
  /** ioctl(2) with a pointer to `data`, which the kernel reads or writes. Returns what it does: mostly 0. */
  ioctl(fd: number, request: number, data: Uint8Array): number;
  /**
   * connect(2) of a new datagram socket of unix(7), which is closed again, to the one whose file is at `path` (107
   * bytes at most). ECONNREFUSED: there is none; EPROTOTYPE: it is of another type.
   */
  connectDatagram(path: string): void;
  /**
   * A raw socket of netlink(7) in our own net namespace, for NETLINK_*: what is written to it is a question to the kernel,
   * and what is read from it an answer, of which a buffer that is too short loses the rest.
   */
  netlinkSocket(protocol: number): number;
  /** flock(2) with LOCK_EX and LOCK_NB: held until the last duplicate and mapping of this open file is gone. */
  flock(fd: number): void;
  /** umask(2): sets the mask and returns the one before. Never fails. */
  umask(mask: number): number;

  // ---- mounts and namespaces
  mount(source: string, target: string, type: string, flags: number, data: string): void;
  umount2(target: string, flags: number): void;
  /** mkdtemp(3): `template` ends in XXXXXX; returns the path made. */
  mkdtemp(template: string): string;
  rmdir(path: string): void;
  unshare(flags: number): void;
  setns(fd: number, type: number): void;
  fchdir(fd: number): void;

  // ---- tasks
  getpid(): number;
  getppid(): number;
  /** getsid(2); ESRCH when there is no such task. */
  getsid(pid: number): number;
  getpgid(pid: number): number;
  /** Whether kill(2) finds a task `pid`. */
  taskExists(pid: number): boolean;
  /** Whether there is a process group `group` (getpriority(2) with PRIO_PGRP: no negative pid is ever passed). */
  groupExists(group: number): boolean;
  /** kill(2) of one process. Refuses a `pid` that is not positive: that would address groups. */
  kill(pid: number, signal: number): void;
  /** kill(2) of all processes of a group, which is greater than 1. */
  killGroup(group: number, signal: number): void;
  /** posix_spawn(3) of the file behind `executable`, with no arguments but its name and an empty environment. */
  spawn(executable: number): number;
  /**
   * The same as a child of our own parent, with the pid `pid`; in a new pid namespace, if wanted, whose first it is then,
   * and in a new user namespace, which owns that and has no maps yet: it has all capabilities there.
   */
  spawnSibling(
    executable: number,
    options: { readonly pid: number; readonly newPidNamespace: boolean; readonly newUserNamespace: boolean },
  ): number;
  /** pidfd_open(2) */
  pidfdOpen(pid: number): number;
  /** pidfd_getfd(2): a duplicate of a descriptor of the task behind `pidfd`. */
  pidfdGetfd(pidfd: number, fd: number): number;
  /** sendmsg(2) of `data` and a duplicate of the descriptor `passed`, over a socket of unix(7). */
  sendDescriptor(socket: number, data: Uint8Array, passed: number): void;
  /** pipe2(2): the end to read from, and the one to write to. */
  pipe(): readonly [number, number];
  /**
   * Starts a program by its name, which is looked for in PATH unless it has a slash, with further arguments. The
   * environment is ours with `environment` added; standard output and error go to the descriptor `output`, and standard
   * input comes from `input`, or is ours.
   */
  spawnProgram(
    path: string,
    options: {
      readonly args?: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
      readonly input?: number;
      readonly output: number;
    },
  ): number;
  memfdCreate(name: string): number;
  ftruncate(fd: number, size: number): void;
  /** mmap(2) of a whole shared file, readable and writable. */
  mapShared(fd: number, size: number): SharedMemory;
  /** process_vm_writev(2) of all of `data`. */
  writeMemory(pid: number, address: bigint, data: Uint8Array): void;
  /** Whether two pieces of memory of ours are the same: memcmp(3), since loops of JavaScript take many times as long. */
  isSameMemory(one: Uint8Array, other: Uint8Array): boolean;
  /** PTRACE_SEIZE. */
  ptraceSeize(pid: number, options: number): void;
  ptraceInterrupt(pid: number): void;
  /** PTRACE_CONT, delivering `signal` unless 0. */
  ptraceContinue(pid: number, signal: number): void;
  /** PTRACE_DETACH, delivering `signal` unless 0. */
  ptraceDetach(pid: number, signal: number): void;
  /**
   * PTRACE_KILL: SIGKILL from the kernel itself, which no security module forbids. Before Linux 5.18 the task must be in
   * a stop for a signal or at a system call (`ptrace_request`, kernel/ptrace.c).
   */
  ptraceKill(pid: number): void;
  /** PTRACE_GETREGS into `registers`, `struct user_regs_struct` as 27 words. */
  ptraceGetRegisters(pid: number, registers: BigUint64Array): void;
  ptraceSetRegisters(pid: number, registers: BigUint64Array): void;
  /** PTRACE_SYSCALL: continues to the next entry to or exit from a system call, delivering `signal` unless 0. */
  ptraceSyscall(pid: number, signal: number): void;
  /** PTRACE_SINGLESTEP: continues for one instruction, delivering `signal` unless 0. */
  ptraceStep(pid: number, signal: number): void;
  /** PTRACE_SETOPTIONS. */
  ptraceSetOptions(pid: number, options: number): void;
  /** PTRACE_SETSIGMASK: bit N − 1 blocks signal N. */
  ptraceSetSignalMask(pid: number, mask: bigint): void;
  /** PTRACE_SET_THREAD_AREA: entry `number` of the descriptor table becomes a `struct user_desc`. */
  ptraceSetThreadArea(pid: number, number: number, descriptor: Uint32Array): void;
  /** PTRACE_GETREGSET into `buffer`; returns how much of it was filled. */
  ptraceGetRegisterSet(pid: number, type: number, buffer: Uint8Array): number;
  /** PTRACE_SETREGSET. */
  ptraceSetRegisterSet(pid: number, type: number, data: Uint8Array): void;
  /**
   * Waits for a change of one child or tracee (waitpid(2), __WALL), or of any with `pid` -1.
   *
   * Waits `timeoutMs` at most and then throws ETIMEDOUT; with 0, looks once and returns `undefined` when there is
   * nothing. A signal caught meanwhile ends the wait with EINTR.
   *
   * With `stops`, also a child that is not traced tells when it is stopped (WUNTRACED).
   */
  wait(pid: number, timeoutMs: number, options?: { readonly stops?: boolean }): WaitResult | undefined;

  // ---- the processor
  /** CPUID: eax, ebx, ecx and edx for a leaf and its sub-leaf; zeros where the processor has no such instruction. */
  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number];

  // ---- ourselves
  /** getenv(3): a variable of our environment; `undefined` when it is not set. */
  getenv(name: string): string | undefined;
  /** clock_gettime(2): what a clock (CLOCK_* of time.h) says, in nanoseconds. */
  clock(number: number): bigint;
  /** The name of an errno: `"EBUSY"`. */
  errnoName(errno: number): string;
  /**
   * From now on, SIGINT, SIGTERM and SIGHUP are remembered instead of ending the process. Works while no event loop
   * runs. What was ignored before stays ignored.
   */
  catchSignals(): void;
  /** The first signal caught since `catchSignals`, or 0. */
  caughtSignal(): number;
  /** The same, and forgets it: from then on the next one counts. */
  takeSignal(): number;
  /** From now on, and until the process has ended, SIGINT, SIGTERM and SIGHUP do nothing. */
  ignoreSignals(): void;
  /** The same for one signal. */
  ignoreSignal(signal: number): void;
  /** prctl(PR_SET_CHILD_SUBREAPER): orphans among our descendants become our children, for us to reap. */
  setChildSubreaper(on: boolean): void;
  /** Sleeps; a signal caught meanwhile ends it early. */
  sleep(ms: number): void;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface FileStatus {
  /** With the file type's bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Number of a device, in the form of makedev(3) with 32 bits; 0 for others. */
  readonly device: number;
}

export interface SharedMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  release(): void;
}

export interface WaitResult {
  readonly pid: number;
  /** The status word of waitpid(2). */
  readonly status: number;
}
