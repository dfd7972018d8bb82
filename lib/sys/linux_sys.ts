/** `Sys` on the running Linux kernel, through the C library. Every method belongs to the thread that opened it. */

import { SysError } from "../errors.ts";
import { cString, decodeText, encodeText, encodeTextInto } from "../text.ts";
import {
  AWAIT_DECLARATION,
  AWAIT_LISTING,
  BatchReader,
  OPENAT,
  READLINKAT,
  START_DECLARATION,
  START_LISTING,
} from "./batch.ts";
import * as k from "./constants.ts";
import { EACCES, EINTR, EINVAL, EPERM, errnoName, ESRCH } from "./errno.ts";
import { failure } from "./failure.ts";
import { readText } from "./files.ts";
import { FilesAhead } from "./files_ahead.ts";
import { type Libc, openLibc } from "./libc.ts";
import { bytesOf, CPUID_DECLARATION, CPUID_LISTING, type Listing } from "./machine_code.ts";
import { addressOf, bytes, mapCode, mapMemory, memoryAt, pointerTo, setTime, unshared, words } from "./memory.ts";
import { SignalCatcher, TICK_MS } from "./signal_catcher.ts";
import {
  allCapabilities,
  CLONE_ARGS_SIZE,
  cloneArguments,
  SPAWN_DECLARATION,
  SPAWN_LISTING,
  SPAWN_STACK_SIZE,
} from "./spawn_sibling.ts";
import { spawnProgram } from "./spawn_program.ts";
import type { DirectoryEntry, FileStatus, SharedMemory, Sys, WaitResult } from "./sys.ts";

/** Twice PATH_MAX, so that the kernel is the one to refuse a long path. */
const PATH_SCRATCH = 8192;
/** Enough for some 1,500 directory entries in one call. */
const TRANSFER_SCRATCH = 65536;
const TRANSFER_SIZE = BigInt(TRANSFER_SCRATCH);
/** Where the parts of a message lie: a struct msghdr, a struct iovec, a struct cmsghdr with a descriptor, and data. */
const MESSAGE_VECTOR = 56;
const MESSAGE_CONTROL = 72;
const MESSAGE_DATA = 96;
/** `sizeof(struct open_how)`: flags, mode, resolve. */
const OPEN_HOW_SIZE = 24n;
/** Fewer files are read one by one: a thread takes as long as some of them. */
const FEWEST_AHEAD = 24;
/** `struct user_regs_struct` of x86-64, in words. */
const REGISTER_WORDS = 27;
/** Opens the kernel for the calling thread; the caller releases it, and uses it on this thread only. */
export function openLinuxSys(): LinuxSys {
  return new LinuxSys(openLibc());
}

/**
 * The kernel itself.
 *
 * Paths must not contain NUL (EINVAL). Errors of calls on a descriptor name the file behind it, as proc(5) tells it.
 * Names that are not UTF-8 are as `decodeText` makes them, and are found again.
 */
export class LinuxSys implements Sys, Disposable {
  readonly #libc: Libc;
  readonly #c: Libc["symbols"];
  readonly #signals: SignalCatcher;
  readonly #path = bytes(PATH_SCRATCH);
  readonly #transfer = bytes(TRANSFER_SCRATCH);
  readonly #transferAddress = addressOf(this.#transfer);
  readonly #emptyPath = bytes(1);
  readonly #statx = bytes(256);
  readonly #statxView = new DataView(this.#statx.buffer);
  readonly #statfs = words(16);
  readonly #openHow = words(3);
  readonly #waitStatus = new Int32Array(new ArrayBuffer(64));
  readonly #localVector = words(2);
  readonly #remoteVector = words(2);
  readonly #signalMask = words(1);
  /** Fields, because posix_spawn reads them through addresses that do not keep them alive. */
  readonly #programName = cString("cgrestore");
  readonly #argv = words(2);
  readonly #envp = words(1);

  #cpuid: CpuidFunction | undefined;
  #batches: BatchReader | undefined;
  #sibling: Deno.UnsafeFnPointer<typeof SPAWN_DECLARATION> | undefined;

  /** Takes over `libc`, and closes it when released. */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.#c = libc.symbols;
    this.#signals = new SignalCatcher(libc.symbols);
    this.#argv[0] = addressOf(this.#programName);
  }

  /** Stops the timer and puts back all signal handlers. Nothing may be called afterwards; may be repeated. */
  release(): void {
    this.#signals.release();
    this.#libc.close();
    this.release = () => {};
  }

  [Symbol.dispose](): void {
    this.release();
  }

  // ---- files

  open(path: string, flags: number, mode = 0): number {
    const encoded = this.#encode("open", path);
    for (;;) {
      const fd = this.#c.open(encoded, flags | k.O_CLOEXEC, mode);
      if (fd >= 0) return fd;
      if (fd !== -EINTR) throw failure("open", fd, `Cannot open ${quote(path)}`);
    }
  }

  openBeneath(directory: number, path: string, flags: number): number {
    const encoded = this.#encode("openat2", path);
    this.#openHow[0] = BigInt(flags | k.O_CLOEXEC);
    this.#openHow[2] = BigInt(k.RESOLVE_BENEATH | k.RESOLVE_NO_SYMLINKS | k.RESOLVE_NO_MAGICLINKS);
    for (;;) {
      const fd = this.#c.openat2(k.SYS_OPENAT2, BigInt(directory), encoded, this.#openHow, OPEN_HOW_SIZE);
      if (fd >= 0) return fd;
      if (fd === -EINTR) continue;
      throw failure("openat2", fd, `Cannot open ${quote(path)} beneath ${this.#nameOf(directory)}`);
    }
  }

  close(fd: number): void {
    const result = this.#c.close(fd);
    // The descriptor is gone even after EINTR, says close(2).
    if (result !== 0 && result !== -EINTR) throw failure("close", result, `Cannot close ${this.#nameOf(fd)}`);
  }

  read(fd: number, buffer: Uint8Array): number {
    const memory = unshared(buffer);
    for (;;) {
      const count = this.#c.read(fd, memory, BigInt(memory.length));
      if (count >= 0) return count;
      if (count !== -EINTR) throw failure("read", count, `Cannot read ${this.#nameOf(fd)}`);
    }
  }

  pread(fd: number, buffer: Uint8Array, offset: number): number {
    const memory = unshared(buffer);
    for (;;) {
      const count = this.#c.pread(fd, memory, BigInt(memory.length), BigInt(offset));
      if (count >= 0) return count;
      if (count !== -EINTR) throw failure("pread", count, `Cannot read ${this.#nameOf(fd)}`);
    }
  }

  write(fd: number, data: Uint8Array): number {
    const memory = unshared(data);
    for (;;) {
      const count = this.#c.write(fd, memory, BigInt(memory.length));
      if (count >= 0) return count;
      if (count === -EINTR) continue;
      throw failure("write", count, `Cannot write ${summarize(memory)} to ${this.#nameOf(fd)}`);
    }
  }

  /** Begins at the start, wherever the descriptor stands. Kinds are `d_type`, which cgroup file systems and proc fill. */
  readDirectory(fd: number): DirectoryEntry[] {
    const entries: DirectoryEntry[] = [];
    const sought = this.#c.lseek(fd, 0n, k.SEEK_SET);
    if (sought < 0) throw failure("lseek", sought, `Cannot list ${this.#nameOf(fd)}`);
    for (;;) {
      const count = this.#c.getdents64(k.SYS_GETDENTS64, BigInt(fd), this.#transfer, TRANSFER_SIZE);
      if (count < 0) throw failure("getdents64", count, `Cannot list ${this.#nameOf(fd)}`);
      if (count === 0) return entries;
      decodeEntries(this.#transfer.subarray(0, count), entries);
    }
  }

  readLink(path: string): string {
    const length = this.#c.readlink(this.#encode("readlink", path), this.#transfer, TRANSFER_SIZE);
    if (length < 0) throw failure("readlink", length, `Cannot read the link ${quote(path)}`);
    return decodeText(this.#transfer.subarray(0, length));
  }

  readAhead(directory: string, names: readonly string[]): Ahead {
    return this.#readAhead(directory, OPENAT, names);
  }

  readLinksAhead(directory: string, names: readonly string[]): Ahead {
    return this.#readAhead(directory, READLINKAT, names);
  }

  readAll(directory: string, names: readonly string[]): string[] {
    using ahead = new FilesAhead(names, this.readAhead(directory, names));
    return names.map((name) => ahead.takeText(name) ?? readText(this, `${directory}/${name}`));
  }

  readLinks(directory: string, names: readonly string[]): string[] {
    using ahead = new FilesAhead(names, this.readLinksAhead(directory, names));
    return names.map((name) => ahead.takeText(name) ?? this.readLink(`${directory}/${name}`));
  }

  *#readAhead(directory: string, call: number, names: readonly string[]): Ahead {
    if (names.length < FEWEST_AHEAD || Deno.build.arch !== "x86_64") return;
    this.#batches ??= this.#makeBatchReader();
    const fd = this.#c.open(this.#encode("open", directory), k.O_RDONLY | k.O_DIRECTORY | k.O_CLOEXEC, 0);
    if (fd < 0) return;
    try {
      yield* this.#batches.read({ directory: fd, call, names });
    } finally {
      this.close(fd);
    }
  }

  #makeBatchReader(): BatchReader {
    const start = this.#functionOf(START_LISTING, START_DECLARATION);
    const wait = this.#functionOf(AWAIT_LISTING, AWAIT_DECLARATION);
    return new BatchReader({ start: (...args) => start.call(...args), await: (running) => wait.call(running) });
  }

  /** By statx(2), whose layout is the same on every architecture. */
  fstat(fd: number): FileStatus {
    const result = this.#c.statx(fd, this.#emptyPath, k.AT_EMPTY_PATH, k.STATX_WANTED, this.#statx);
    if (result !== 0) throw failure("statx", result, `Cannot look at ${this.#nameOf(fd)}`);
    return this.#fileStatus();
  }

  stat(path: string): FileStatus {
    this.#lookAt(path, 0, k.STATX_WANTED);
    return this.#fileStatus();
  }

  lstat(path: string): FileStatus {
    this.#lookAt(path, k.AT_SYMLINK_NOFOLLOW, k.STATX_WANTED);
    return this.#fileStatus();
  }

  identity(path: string): string {
    this.#lookAt(path, 0, k.STATX_INO);
    const view = this.#statxView;
    const [major, minor] = [view.getUint32(136, true), view.getUint32(140, true)];
    return `${major}:${minor}:${view.getBigUint64(32, true)}`;
  }

  #lookAt(path: string, flags: number, mask: number): void {
    const result = this.#c.statx(k.AT_FDCWD, this.#encode("statx", path), flags, mask, this.#statx);
    if (result !== 0) throw failure("statx", result, `Cannot look at ${quote(path)}`);
  }

  fileSystemType(fd: number): number {
    const result = this.#c.fstatfs(fd, this.#statfs);
    if (result !== 0) throw failure("fstatfs", result, `Cannot tell the file system of ${this.#nameOf(fd)}`);
    return Number(this.#statfs[0]);
  }

  mkdirat(directory: number, path: string, mode: number): void {
    const result = this.#c.mkdirat(directory, this.#encode("mkdirat", path), mode);
    if (result === 0) return;
    throw failure("mkdirat", result, `Cannot make the directory ${quote(path)} in ${this.#nameOf(directory)}`);
  }

  rmdirat(directory: number, path: string): void {
    const result = this.#c.unlinkat(directory, this.#encode("unlinkat", path), k.AT_REMOVEDIR);
    if (result === 0) return;
    throw failure("unlinkat", result, `Cannot remove the directory ${quote(path)} in ${this.#nameOf(directory)}`);
  }

  unlinkat(directory: number, path: string): void {
    const result = this.#c.unlinkat(directory, this.#encode("unlinkat", path), 0);
    if (result !== 0) throw failure("unlinkat", result, `Cannot remove ${quote(path)} in ${this.#nameOf(directory)}`);
  }

  renameat(directory: number, from: string, to: string): void {
    const attempt = `Cannot rename ${quote(from)} to ${quote(to)}`;
    if (to.includes("\0")) throw failure("renameat", -EINVAL, attempt);
    const result = this.#c.renameat(directory, this.#encode("renameat", from), directory, cString(to));
    if (result !== 0) throw failure("renameat", result, `${attempt} in ${this.#nameOf(directory)}`);
  }

  fchown(fd: number, uid: number, gid: number): void {
    const result = this.#c.fchown(fd, uid, gid);
    if (result !== 0) throw failure("fchown", result, `Cannot give ${this.#nameOf(fd)} to "${uid}:${gid}"`);
  }

  fchmod(fd: number, mode: number): void {
    const result = this.#c.fchmod(fd, mode);
    if (result !== 0) throw failure("fchmod", result, `Cannot set mode "${mode.toString(8)}" on ${this.#nameOf(fd)}`);
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const result = this.#c.fcntl(fd, k.F_SETFD, on ? k.FD_CLOEXEC : 0);
    if (result !== 0) throw failure("fcntl", result, `Cannot set close-on-exec of ${this.#nameOf(fd)}`);
  }

  ioctl(fd: number, request: number, data: Uint8Array): number {
    const result = this.#c.ioctl(fd, BigInt(request), unshared(data));
    if (result >= 0) return result;
    throw failure("ioctl", result, `Cannot make request 0x${request.toString(16)} of ${this.#nameOf(fd)}`);
  }

  connectDatagram(path: string): void {
    const attempt = `Cannot connect to ${quote(path)}`;
    const name = encodeText(path);
    if (name.length >= k.UNIX_PATH_MAX || name.includes(0)) throw failure("connect", -EINVAL, attempt);
    const fd = this.#c.socket(k.AF_UNIX, k.SOCK_DGRAM | k.O_CLOEXEC, 0);
    if (fd < 0) throw failure("socket", fd, attempt);
    const address = new Uint8Array(new ArrayBuffer(2 + k.UNIX_PATH_MAX));
    address[0] = k.AF_UNIX;
    address.set(name, 2);
    const result = this.#c.connect(fd, address, address.length);
    this.close(fd);
    if (result !== 0) throw failure("connect", result, attempt);
  }

  netlinkSocket(protocol: number): number {
    const fd = this.#c.socket(k.AF_NETLINK, k.SOCK_RAW | k.O_CLOEXEC, protocol);
    if (fd < 0) throw failure("socket", fd, `Cannot make a socket of netlink for protocol ${protocol}`);
    return fd;
  }

  flock(fd: number): void {
    const result = this.#c.flock(fd, k.LOCK_EX | k.LOCK_NB);
    if (result !== 0) throw failure("flock", result, `Cannot lock ${this.#nameOf(fd)}`);
  }

  umask(mask: number): number {
    return this.#c.umask(mask);
  }

  // ---- mounts and namespaces

  mount(source: string, target: string, type: string, flags: number, data: string): void {
    const attempt = `Cannot mount ${quote(source)}, type ${quote(type)}, options ${quote(data)}, on ${quote(target)}`;
    if ([source, target, type, data].some((text) => text.includes("\0"))) throw failure("mount", -EINVAL, attempt);
    const result = this.#c.mount(cString(source), cString(target), cString(type), BigInt(flags), cString(data));
    if (result !== 0) throw failure("mount", result, attempt);
  }

  umount2(target: string, flags: number): void {
    const result = this.#c.umount2(this.#encode("umount2", target), flags);
    if (result !== 0) throw failure("umount2", result, `Cannot unmount ${quote(target)}`);
  }

  mkdtemp(template: string): string {
    const path = this.#encode("mkdtemp", template);
    const made = this.#c.mkdtemp(path);
    if (made < 0n) throw failure("mkdtemp", made, `Cannot make a directory like ${quote(template)}`);
    return decodeText(path.subarray(0, path.indexOf(0)));
  }

  rmdir(path: string): void {
    const result = this.#c.rmdir(this.#encode("rmdir", path));
    if (result !== 0) throw failure("rmdir", result, `Cannot remove the directory ${quote(path)}`);
  }

  /** Of the calling thread alone, as every unshare(2): a working directory of its own comes with CLONE_NEWNS. */
  unshare(flags: number): void {
    const result = this.#c.unshare(flags);
    if (result !== 0) throw failure("unshare", result, `Cannot leave the namespaces "0x${flags.toString(16)}"`);
  }

  /** Of the calling thread alone; a mount namespace demands an `unshare` of CLONE_NEWNS or CLONE_FS before (EINVAL). */
  setns(fd: number, type: number): void {
    const result = this.#c.setns(fd, type);
    if (result !== 0) throw failure("setns", result, `Cannot enter the namespace ${this.#nameOf(fd)}`);
  }

  fchdir(fd: number): void {
    const result = this.#c.fchdir(fd);
    if (result !== 0) throw failure("fchdir", result, `Cannot change the working directory to ${this.#nameOf(fd)}`);
  }

  // ---- tasks

  getppid(): number {
    return this.#c.getppid();
  }

  getpid(): number {
    return this.#c.getpid();
  }

  getsid(pid: number): number {
    const session = this.#c.getsid(pid);
    if (session < 0) throw failure("getsid", session, `Cannot tell the session of task ${pid}`);
    return session;
  }

  getpgid(pid: number): number {
    const group = this.#c.getpgid(pid);
    if (group < 0) throw failure("getpgid", group, `Cannot tell the process group of task ${pid}`);
    return group;
  }

  taskExists(pid: number): boolean {
    const result = this.#c.kill(requirePositive(pid), 0);
    // EACCES: its profile of AppArmor does not let us.
    if (result === 0 || result === -EPERM || result === -EACCES) return true;
    if (result === -ESRCH) return false;
    throw failure("kill", result, `Cannot look for task ${pid}`);
  }

  /** By getpriority(2), which finds what kill(2) finds, without a negative pid: a mistake could signal nothing. */
  groupExists(group: number): boolean {
    requirePositive(group);
    const priority = this.#c.getpriority(k.SYS_GETPRIORITY, k.PRIO_PGRP, group);
    if (priority >= 0) return true;
    if (priority === -ESRCH) return false;
    throw failure("getpriority", priority, `Cannot look for process group ${group}`);
  }

  /** Throws a RangeError for a `pid` that is not positive: that is a bug, never a state of the machine. */
  killGroup(group: number, signal: number): void {
    // A group of 1 would address every process.
    if (requirePositive(group) === 1) throw new RangeError("Cannot signal group 1: that would be every process");
    const result = this.#c.kill(-group, signal);
    if (result !== 0) throw failure("kill", result, `Cannot send signal ${signal} to group ${group}`);
  }

  kill(pid: number, signal: number): void {
    const result = this.#c.kill(requirePositive(pid), signal);
    if (result !== 0) throw failure("kill", result, `Cannot send signal ${signal} to task ${pid}`);
  }

  spawn(executable: number): number {
    const pid = new Int32Array(new ArrayBuffer(64));
    const path = this.#encode("posix_spawn", `/proc/self/fd/${executable}`);
    const code = this.#c.posix_spawn(pid, path, null, null, this.#argv, this.#envp);
    if (code !== 0) throw failure("posix_spawn", -code, `Cannot run ${this.#nameOf(executable)}`);
    return pid[0] ?? 0;
  }

  spawnSibling(executable: number, options: Parameters<Sys["spawnSibling"]>[1]): number {
    const { pid, newPidNamespace, newUserNamespace } = options;
    const numbers = new Int32Array([newPidNamespace ? 1 : pid]);
    const stack = mapMemory(this.#c, SPAWN_STACK_SIZE);
    const args = cloneArguments({
      stack,
      pid: addressOf(numbers),
      newPidNamespace,
      newUserNamespace,
    });
    const capabilities = newUserNamespace ? allCapabilities() : null;
    this.#sibling ??= this.#functionOf(SPAWN_LISTING, SPAWN_DECLARATION);
    const made = Number(
      this.#sibling.call(args, BigInt(CLONE_ARGS_SIZE), executable, this.#argv, this.#envp, capabilities),
    );
    this.#c.munmap(stack, BigInt(SPAWN_STACK_SIZE));
    if (made < 0) throw failure("clone3", made, `Cannot make task ${pid} as a child of our parent`);
    return made;
  }

  pidfdOpen(pid: number): number {
    const fd = this.#c.pidfd_open(k.SYS_PIDFD_OPEN, requirePositive(pid), 0);
    if (fd < 0) throw failure("pidfd_open", fd, `Cannot open task ${pid}`);
    return fd;
  }

  pidfdGetfd(pidfd: number, fd: number): number {
    const result = this.#c.pidfd_getfd(k.SYS_PIDFD_GETFD, pidfd, fd, 0);
    if (result >= 0) return result;
    throw failure("pidfd_getfd", result, `Cannot take descriptor ${fd} of a task`);
  }

  sendDescriptor(socket: number, data: Uint8Array, passed: number): void {
    const memory = bytes(MESSAGE_DATA + data.length);
    const address = addressOf(memory);
    const header = new BigUint64Array(memory.buffer, 0, MESSAGE_DATA / 8);
    // struct msghdr: neither name nor flags; then the struct iovec that it leads to.
    header.set([0n, 0n, address + BigInt(MESSAGE_VECTOR), 1n, address + BigInt(MESSAGE_CONTROL), 24n, 0n]);
    header.set([address + BigInt(MESSAGE_DATA), BigInt(data.length)], MESSAGE_VECTOR / 8);
    // struct cmsghdr: its length, level and type; then the descriptor.
    header.set([20n, BigInt(k.SOL_SOCKET) | BigInt(k.SCM_RIGHTS) << 32n, BigInt(passed)], MESSAGE_CONTROL / 8);
    memory.set(data, MESSAGE_DATA);
    const result = this.#c.sendmsg(socket, memory, k.MSG_NOSIGNAL);
    if (result < 0) {
      throw failure("sendmsg", result, `Cannot pass descriptor ${passed} through ${this.#nameOf(socket)}`);
    }
  }

  pipe(): readonly [number, number] {
    const ends = new Int32Array(2);
    const result = this.#c.pipe2(ends, k.O_CLOEXEC);
    if (result !== 0) throw failure("pipe2", result, "Cannot make a pipe");
    return [ends[0] ?? -1, ends[1] ?? -1];
  }

  spawnProgram(path: string, options: Parameters<Sys["spawnProgram"]>[1]): number {
    const pid = spawnProgram(this.#libc, { path, ...options });
    if (pid < 0) throw failure("posix_spawnp", pid, `Cannot run ${quote(path)}`);
    return pid;
  }

  /** A file that may be executed, whatever the sysctl vm.memfd_noexec has as default. */
  memfdCreate(name: string): number {
    const encoded = this.#encode("memfd_create", name);
    let fd = this.#c.memfd_create(encoded, k.MFD_CLOEXEC | k.MFD_EXEC);
    if (fd === -EINVAL) fd = this.#c.memfd_create(encoded, k.MFD_CLOEXEC);
    if (fd < 0) throw failure("memfd_create", fd, `Cannot make the memory file ${quote(name)}`);
    return fd;
  }

  ftruncate(fd: number, size: number): void {
    const result = this.#c.ftruncate(fd, BigInt(size));
    if (result !== 0) throw failure("ftruncate", result, `Cannot set the size of ${this.#nameOf(fd)} to "${size}"`);
  }

  /** After `release`, `bytes` is empty instead of pointing to memory that is gone; views made from it are as well. */
  mapShared(fd: number, size: number): SharedMemory {
    const address = this.#c.mmap(0n, BigInt(size), k.PROT_READ | k.PROT_WRITE, k.MAP_SHARED, fd, 0n);
    if (address < 0n) throw failure("mmap", address, `Cannot map ${this.#nameOf(fd)}`);
    const memory = memoryAt(address, size);
    const release = () => {
      if (memory.detached) return;
      memory.transfer(0);
      this.#c.munmap(address, BigInt(size));
    };
    return { bytes: new Uint8Array(memory), release };
  }

  writeMemory(pid: number, address: bigint, data: Uint8Array): void {
    for (let done = 0; done < data.length;) {
      // Copied, because a small array of the caller may move in V8's heap, and only its address goes to the kernel.
      const part = data.subarray(done, done + TRANSFER_SCRATCH);
      this.#transfer.set(part);
      this.#localVector[0] = this.#transferAddress;
      this.#localVector[1] = BigInt(part.length);
      this.#remoteVector[0] = address + BigInt(done);
      this.#remoteVector[1] = BigInt(part.length);
      const count = this.#c.process_vm_writev(pid, this.#localVector, 1n, this.#remoteVector, 1n, 0n);
      if (count < 0) {
        const where = `0x${address.toString(16)}`;
        throw failure("process_vm_writev", count, `Cannot write ${data.length} bytes at "${where}" of task ${pid}`);
      }
      done += count;
    }
  }

  isSameMemory(one: Uint8Array, other: Uint8Array): boolean {
    if (one.length !== other.length) return false;
    return this.#c.memcmp(unshared(one), unshared(other), BigInt(one.length)) === 0;
  }

  ptraceSeize(pid: number, options: number): void {
    const result = this.#c.ptrace(k.PTRACE_SEIZE, pid, 0n, BigInt(options));
    if (result !== 0) throw failure("ptrace(PTRACE_SEIZE)", result, `Cannot seize task ${pid}`);
  }

  ptraceInterrupt(pid: number): void {
    const result = this.#c.ptrace(k.PTRACE_INTERRUPT, pid, 0n, 0n);
    if (result !== 0) throw failure("ptrace(PTRACE_INTERRUPT)", result, `Cannot stop task ${pid}`);
  }

  ptraceContinue(pid: number, signal: number): void {
    const result = this.#c.ptrace(k.PTRACE_CONT, pid, 0n, BigInt(signal));
    if (result !== 0) throw failure("ptrace(PTRACE_CONT)", result, `Cannot continue task ${pid} with signal ${signal}`);
  }

  ptraceDetach(pid: number, signal: number): void {
    const result = this.#c.ptrace(k.PTRACE_DETACH, pid, 0n, BigInt(signal));
    if (result !== 0) {
      throw failure("ptrace(PTRACE_DETACH)", result, `Cannot let go of task ${pid} with signal ${signal}`);
    }
  }

  ptraceKill(pid: number): void {
    const result = this.#c.ptrace(k.PTRACE_KILL, pid, 0n, 0n);
    if (result !== 0) throw failure("ptrace(PTRACE_KILL)", result, `Cannot end task ${pid}`);
  }

  ptraceGetRegisters(pid: number, registers: BigUint64Array): void {
    const result = this.#c.ptrace_buffer(k.PTRACE_GETREGS, pid, 0n, registerMemory(registers));
    if (result !== 0) throw failure("ptrace(PTRACE_GETREGS)", result, `Cannot read the registers of task ${pid}`);
  }

  ptraceSetRegisters(pid: number, registers: BigUint64Array): void {
    const result = this.#c.ptrace_buffer(k.PTRACE_SETREGS, pid, 0n, registerMemory(registers));
    if (result !== 0) throw failure("ptrace(PTRACE_SETREGS)", result, `Cannot set the registers of task ${pid}`);
  }

  ptraceSyscall(pid: number, signal: number): void {
    const result = this.#c.ptrace(k.PTRACE_SYSCALL, pid, 0n, BigInt(signal));
    if (result !== 0) throw failure("ptrace(PTRACE_SYSCALL)", result, `Cannot continue task ${pid} to a system call`);
  }

  ptraceStep(pid: number, signal: number): void {
    const result = this.#c.ptrace(k.PTRACE_SINGLESTEP, pid, 0n, BigInt(signal));
    if (result !== 0) throw failure("ptrace(PTRACE_SINGLESTEP)", result, `Cannot let task ${pid} do one step`);
  }

  ptraceSetOptions(pid: number, options: number): void {
    const result = this.#c.ptrace(k.PTRACE_SETOPTIONS, pid, 0n, BigInt(options));
    if (result !== 0) throw failure("ptrace(PTRACE_SETOPTIONS)", result, `Cannot set ptrace options of task ${pid}`);
  }

  ptraceSetSignalMask(pid: number, mask: bigint): void {
    this.#signalMask[0] = mask;
    const result = this.#c.ptrace_buffer(k.PTRACE_SETSIGMASK, pid, 8n, this.#signalMask);
    if (result !== 0) throw failure("ptrace(PTRACE_SETSIGMASK)", result, `Cannot set the signal mask of task ${pid}`);
  }

  ptraceSetThreadArea(pid: number, number: number, descriptor: Uint32Array): void {
    const copy = Uint32Array.from(descriptor);
    const result = this.#c.ptrace_buffer(k.PTRACE_SET_THREAD_AREA, pid, BigInt(number), copy);
    if (result !== 0) {
      throw failure("ptrace(PTRACE_SET_THREAD_AREA)", result, `Cannot set segment ${number} of task ${pid}`);
    }
  }

  ptraceGetRegisterSet(pid: number, type: number, buffer: Uint8Array): number {
    const scratch = this.#transfer.subarray(0, buffer.length);
    this.#localVector[0] = this.#transferAddress;
    this.#localVector[1] = BigInt(buffer.length);
    const result = this.#c.ptrace_buffer(k.PTRACE_GETREGSET, pid, BigInt(type), this.#localVector);
    if (result !== 0) throw failure("ptrace(PTRACE_GETREGSET)", result, `Cannot read registers of task ${pid}`);
    buffer.set(scratch);
    return Number(this.#localVector[1]);
  }

  ptraceSetRegisterSet(pid: number, type: number, data: Uint8Array): void {
    this.#transfer.set(data);
    this.#localVector[0] = this.#transferAddress;
    this.#localVector[1] = BigInt(data.length);
    const result = this.#c.ptrace_buffer(k.PTRACE_SETREGSET, pid, BigInt(type), this.#localVector);
    if (result !== 0) throw failure("ptrace(PTRACE_SETREGSET)", result, `Cannot set registers of task ${pid}`);
  }

  /**
   * A caught signal ends a wait once: after the EINTR, or after `caughtSignal` has told of it, waits wait again.
   *
   * With `pid` -1 this also reaps children that Deno has made. Other targets that are not positive are a RangeError.
   */
  wait(pid: number, timeoutMs: number, { stops = false } = {}): WaitResult | undefined {
    const target = pid === -1 ? pid : requirePositive(pid);
    const wanted = stops ? k.WUNTRACED : 0;
    const ready = this.#waitOnce(target, wanted | k.WNOHANG);
    if (ready !== undefined || timeoutMs === 0) return ready;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const object = pid === -1 ? "any task" : `task ${pid}`;
      if (this.#signals.hasNews) {
        const signal = this.caughtSignal();
        throw new SysError("waitpid", "EINTR", `Cannot wait for ${object}`, `signal ${signal} was caught`);
      }
      const remaining = deadline - performance.now();
      if (remaining <= 0) {
        throw new SysError("waitpid", "ETIMEDOUT", `Cannot wait for ${object}`, `nothing in ${timeoutMs} ms`);
      }
      this.#signals.tickWithin(remaining);
      const result = this.#waitOnce(target, wanted);
      if (result !== undefined) return result;
    }
  }

  // ---- the processor

  cpuid(leaf: number, subleaf: number): readonly [number, number, number, number] {
    if (Deno.build.arch !== "x86_64") return [0, 0, 0, 0];
    this.#cpuid ??= this.#functionOf(CPUID_LISTING, CPUID_DECLARATION);
    const registers = new Uint32Array(new ArrayBuffer(64));
    this.#cpuid.call(leaf, subleaf, registers);
    const [eax = 0, ebx = 0, ecx = 0, edx = 0] = registers;
    return [eax, ebx, ecx, edx];
  }

  #functionOf<T extends Deno.ForeignFunction>(listing: Listing, declaration: T): Deno.UnsafeFnPointer<T> {
    return new Deno.UnsafeFnPointer(pointerTo<T>(mapCode(this.#c, bytesOf(listing))), declaration);
  }

  // ---- ourselves

  clock(number: number): bigint {
    const now = new BigInt64Array(2);
    const result = this.#c.clock_gettime(number, now);
    if (result !== 0) throw failure("clock_gettime", result, `Cannot read the clock ${number}`);
    const [seconds = 0n, nanoseconds = 0n] = now;
    return seconds * 1_000_000_000n + nanoseconds;
  }

  errnoName(errno: number): string {
    return errnoName(errno);
  }

  getenv(name: string): string | undefined {
    return Deno.env.get(name);
  }

  /** Repeated, it forgets what was caught. */
  catchSignals(): void {
    this.#signals.catch();
  }

  caughtSignal(): number {
    return this.#signals.caught();
  }

  takeSignal(): number {
    return this.#signals.take();
  }

  ignoreSignals(): void {
    this.#signals.ignoreAll();
  }

  ignoreSignal(signal: number): void {
    this.#signals.ignore(signal);
  }

  setChildSubreaper(on: boolean): void {
    const result = this.#c.prctl(k.PR_SET_CHILD_SUBREAPER, on ? 1n : 0n, 0n, 0n, 0n);
    if (result !== 0) throw failure("prctl", result, "Cannot adopt the orphans of our descendants");
  }

  /** Like `wait`, a sleep is not cut short by a signal that `caughtSignal` has told of. */
  sleep(ms: number): void {
    const deadline = performance.now() + ms;
    const duration = words(2);
    for (;;) {
      const remaining = deadline - performance.now();
      if (remaining <= 0 || this.#signals.hasNews) return;
      // In short pieces, because a signal to the process may be handled by another thread, and not wake this one.
      setTime(duration, 0, Math.min(remaining, TICK_MS));
      this.#c.nanosleep(duration, null);
    }
  }

  // ---- private

  /** What the last statx(2) has found. */
  #fileStatus(): FileStatus {
    const view = this.#statxView;
    return {
      mode: view.getUint16(28, true),
      uid: view.getUint32(20, true),
      gid: view.getUint32(24, true),
      size: Number(view.getBigUint64(40, true)),
      device: makeDevice(view.getUint32(128, true), view.getUint32(132, true)),
    };
  }

  /** `text` as a C string in the scratch memory for paths, good until the next path is encoded. */
  #encode(call: string, text: string): Uint8Array<ArrayBuffer> {
    const length = encodeTextInto(text, this.#path);
    if (length === undefined || length === PATH_SCRATCH) {
      throw new SysError(call, "ENAMETOOLONG", `Cannot use the path ${quote(`${text.slice(0, 80)}…`)}`);
    }
    if (text.includes("\0")) throw failure(call, -EINVAL, `Cannot use the path ${quote(text)}`);
    this.#path[length] = 0;
    return this.#path;
  }

  /** The file behind `fd` for a message, so it must not fail. */
  #nameOf(fd: number): string {
    if (fd === k.AT_FDCWD) return "the working directory";
    const length = this.#c.readlink(cString(`/proc/self/fd/${fd}`), this.#transfer, TRANSFER_SIZE);
    return length > 0 ? quote(decodeText(this.#transfer.subarray(0, length))) : `file descriptor ${fd}`;
  }

  /** `undefined` when there was nothing, or when a signal came first. */
  #waitOnce(pid: number, options: number): WaitResult | undefined {
    const found = this.#c.waitpid(pid, this.#waitStatus, options | k.WALL);
    if (found > 0) return { pid: found, status: this.#waitStatus[0] ?? 0 };
    if (found === 0 || found === -EINTR) return undefined;
    throw failure("waitpid", found, `Cannot wait for ${pid === -1 ? "any task" : `task ${pid}`}`);
  }
}

type Ahead = ReturnType<Sys["readAhead"]>;

type CpuidFunction = Deno.UnsafeFnPointer<typeof CPUID_DECLARATION>;

/** Appends what `records`, a run of `struct linux_dirent64`, says: 16 bytes, u16 length, u8 kind, name. */
function decodeEntries(records: Uint8Array<ArrayBuffer>, entries: DirectoryEntry[]): void {
  for (let at = 0; at < records.length;) {
    const length = (records[at + 16] ?? 0) | (records[at + 17] ?? 0) << 8;
    const name = decodeText(records.subarray(at + 19, records.indexOf(0, at + 19)));
    if (name !== "." && name !== "..") entries.push({ name, isDirectory: records[at + 18] === k.DT_DIR });
    at += length;
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** What is written to cgroup files is short text, and belongs in the message. */
function summarize(data: Uint8Array<ArrayBuffer>): string {
  return data.length <= 64 ? quote(decodeText(data)) : `${data.length} bytes`;
}

/** Guards every kill(2): FFI takes numbers modulo 2^32, and what is not positive would address whole groups. */
function requirePositive(pid: number): number {
  if ((pid | 0) !== pid || pid <= 0) throw new RangeError(`Cannot address task "${pid}": not a positive 32-bit number`);
  return pid;
}

function registerMemory(registers: BigUint64Array): Uint8Array<ArrayBuffer> {
  if (registers.length !== REGISTER_WORDS) {
    throw new RangeError(`Cannot hold registers in ${registers.length} words: ${REGISTER_WORDS} are needed`);
  }
  return unshared(new Uint8Array(registers.buffer, registers.byteOffset, registers.byteLength));
}

/** As makedev(3) makes it of numbers that the kernel has: 12 bits and 20 bits. */
function makeDevice(major: number, minor: number): number {
  return (major << 8 | minor & 0xff | (minor & ~0xff) << 12) >>> 0;
}
