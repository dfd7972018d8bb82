/**
 * A kernel in memory, behind the interface `Sys`: cgroups, mounts, tasks under ptrace, and the agent in them. Any call
 * can be made to fail, and it can tell what differs from the beginning.
 *
 * It is as strict as the kernel where the project depends on a rule, and knows nothing of what the project never does:
 * what is not there fails with the kernel's errno, so that a test which needs more says so at once.
 */

import { SysError } from "../../lib/errors.ts";
import {
  CLONE_NEWNS,
  MNT_DETACH,
  MS_BIND,
  MS_PRIVATE,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  TMPFS_MAGIC,
} from "../../lib/sys/constants.ts";
import { errnoName } from "../../lib/sys/errno.ts";
import { readText } from "../../lib/sys/files.ts";
import type { DirectoryEntry, FileStatus, SharedMemory, Sys, WaitResult } from "../../lib/sys/sys.ts";
import { CODE_OFFSET, PROGRAM_BASE } from "../../lib/tracee/elf.ts";
import { resumeProgram, showInterruptedPause, type StartCall, stubProgram } from "./fake_agent.ts";
import type { FakeHost } from "./fake_hosts.ts";
import { FakeKernel } from "./fake_kernel.ts";
import { compareLedgers, describeKernel, type Ledger } from "./fake_ledger.ts";
import { NamespaceFile } from "./fake_mounts.ts";
import { Errno, errnoNumber, type FakeNode, MemoryDirectory, MemoryFile, OpenFile, RouteSocket } from "./fake_nodes.ts";
import { nameOfCall, runCall, setSubreaper } from "./fake_syscalls.ts";
import { FakePid, FakeTask } from "./fake_tasks.ts";

/** What goes wrong. Calls are counted from 1. */
export interface FakeFailures {
  /** The calls of `Sys` that fail with `code`, and without effect; only `close` closes nevertheless, as in close(2). */
  readonly failCalls?: readonly number[];
  /** The system call of a tracee that returns `code`, without effect. */
  readonly failRemoteCall?: number;
  /** The call of `Sys` during which SIGINT is caught; when it is a wait that may block, it ends with EINTR. */
  readonly signalAt?: number;
  /** Errno's name; EIO unless told. */
  readonly code?: string;
}

const SIGINT = 2;
const SIGTRAP = 5;
const PTRACE_EVENT_STOP = 128;
const PROT_READ_EXEC = 5;
const PROT_READ_WRITE = 3;
const PAGE = 4096;

/** An in-memory kernel. */
export class FakeSys implements Sys {
  readonly kernel: FakeKernel;
  /** Names of the calls made so far that can fail: call n is at n - 1. */
  readonly calls: string[] = [];
  /** Names of the system calls that tracees have made. */
  readonly remoteCalls: string[] = [];
  readonly #failures: FakeFailures;
  readonly #before: Ledger;
  #caught = 0;
  #isCaughtKnown = false;
  #temporaries = 0;

  constructor(host: FakeHost, failures: FakeFailures = {}) {
    this.#failures = failures;
    this.kernel = new FakeKernel(host);
    this.#before = describeKernel(this.kernel);
  }

  /** cgrestore's open descriptors, `"3 /proc"` each. */
  openDescriptors(): string[] {
    return [...this.kernel.self.descriptors].map(([fd, { file }]) => `${fd} ${file.path}`);
  }

  /** All that differs from the beginning, one difference to a line. */
  leftovers(): string[] {
    return compareLedgers(this.#before, describeKernel(this.kernel));
  }

  // ---- files

  open(path: string, flags: number, _mode?: number): number {
    return this.#call("open", `Cannot open "${path}"`, () => {
      if ((flags & O_CREAT) !== 0) throw new Errno("EROFS");
      const own = /^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1];
      const node = own === undefined ? this.#resolve(path, (flags & O_NOFOLLOW) === 0) : this.#node(Number(own));
      if (node.target !== undefined) throw new Errno("ELOOP");
      return this.#self.descriptors.add(new OpenFile(node, this.#absolute(path), flags));
    });
  }

  openBeneath(directory: number, path: string, flags: number): number {
    return this.#call("openat2", `Cannot open "${path}" beneath ${directory}`, () => {
      const { file } = this.#self.descriptors.get(directory);
      let node: FakeNode | undefined = file.node;
      if (!node.isDirectory) throw new Errno("ENOTDIR");
      if (path === "") throw new Errno("ENOENT");
      if (path.startsWith("/")) throw new Errno("EXDEV");
      for (const name of path.split("/").filter((name) => name !== "" && name !== ".")) {
        if (name === "..") throw new Errno("EXDEV");
        node = node.child(name);
        if (node === undefined) throw new Errno("ENOENT");
        if (node.target !== undefined) throw new Errno("ELOOP");
      }
      return this.#self.descriptors.add(new OpenFile(node, `${file.path}/${path}`, flags));
    });
  }

  close(fd: number): void {
    const close = () => this.#self.descriptors.close(fd);
    this.#call("close", `Cannot close ${fd}`, close, { evenWhenFailing: close });
  }

  read(fd: number, buffer: Uint8Array): number {
    return this.#call("read", `Cannot read ${fd}`, () => this.#self.descriptors.get(fd).file.read(buffer, this.#self));
  }

  pread(_fd: number, _buffer: Uint8Array, _offset: number): number {
    return onlyForContents("pread");
  }

  write(fd: number, data: Uint8Array): number {
    return this.#call("write", `Cannot write ${data.length} bytes to ${fd}`, () => (
      this.#self.descriptors.get(fd).file.write(data.slice(), this.#self)
    ));
  }

  readDirectory(fd: number): DirectoryEntry[] {
    return this.#call("getdents64", `Cannot list ${fd}`, () => this.#node(fd).list());
  }

  readLink(path: string): string {
    return this.#call("readlink", `Cannot read the link "${path}"`, () => {
      const node = this.#resolve(path, false);
      if (node instanceof NamespaceFile) return "mnt:[4026531841]";
      if (node.target === undefined) throw new Errno("EINVAL");
      return node.target;
    });
  }

  *readAhead(): ReturnType<Sys["readAhead"]> {}

  *readLinksAhead(): ReturnType<Sys["readAhead"]> {}

  readAll(directory: string, names: readonly string[]): string[] {
    return names.map((name) => readText(this, `${directory}/${name}`));
  }

  readLinks(directory: string, names: readonly string[]): string[] {
    return names.map((name) => this.readLink(`${directory}/${name}`));
  }

  fstat(fd: number): FileStatus {
    return this.#call("statx", `Cannot look at ${fd}`, () => {
      const { mode, uid, gid, size } = this.#self.descriptors.get(fd).file.node;
      return { mode, uid, gid, size, device: 0 };
    });
  }

  stat(path: string): FileStatus {
    return this.#call("stat", `Cannot look at "${path}"`, () => {
      const { mode, uid, gid, size } = this.#resolve(path, true);
      return { mode, uid, gid, size, device: 0 };
    });
  }

  lstat(_path: string): FileStatus {
    return onlyForContents("lstat");
  }

  identity(_path: string): string {
    return onlyForContents("statx");
  }

  fileSystemType(fd: number): number {
    return this.#call("fstatfs", `Cannot tell the file system of ${fd}`, () => (
      this.#self.descriptors.get(fd).file.node.fileSystem
    ));
  }

  mkdirat(directory: number, path: string, mode: number): void {
    this.#call("mkdirat", `Cannot make the directory "${path}"`, () => {
      const [parent, name] = this.#parentBeneath(directory, path);
      parent.make(name, mode & ~this.#self.umask);
    });
  }

  rmdirat(directory: number, path: string): void {
    this.#call("unlinkat", `Cannot remove the directory "${path}"`, () => {
      const [parent, name] = this.#parentBeneath(directory, path);
      parent.remove(name);
    });
  }

  unlinkat(directory: number, path: string): void {
    this.#call("unlinkat", `Cannot remove "${path}"`, () => {
      const [parent, name] = this.#parentBeneath(directory, path);
      parent.remove(name);
    });
  }

  renameat(directory: number, from: string, to: string): void {
    this.#call("renameat", `Cannot rename "${from}" to "${to}"`, () => {
      const [parent, name] = this.#parentBeneath(directory, from);
      const [newParent, newName] = this.#parentBeneath(directory, to);
      if (!(parent instanceof MemoryDirectory) || !(newParent instanceof MemoryDirectory)) throw new Errno("EXDEV");
      newParent.children.set(newName, parent.child(name) ?? fail("ENOENT"));
      parent.children.delete(name);
    });
  }

  /** There are no terminals. */
  ioctl(fd: number, _request: number, _data: Uint8Array): number {
    return this.#call("ioctl", `Cannot make a request of ${fd}`, () => fail("ENOTTY"));
  }

  connectDatagram(path: string): void {
    this.#call("connect", `Cannot connect to "${path}"`, () => fail("ECONNREFUSED"));
  }

  netlinkSocket(protocol: number): number {
    return this.#call("socket", `Cannot make a socket of netlink for protocol ${protocol}`, () => (
      this.#self.descriptors.add(new OpenFile(new RouteSocket(), "socket:[1]", O_RDWR))
    ));
  }

  fchown(fd: number, uid: number, gid: number): void {
    this.#call(
      "fchown",
      `Cannot give ${fd} to "${uid}:${gid}"`,
      () => void Object.assign(this.#node(fd), { uid, gid }),
    );
  }

  fchmod(fd: number, mode: number): void {
    this.#call("fchmod", `Cannot set mode "${mode.toString(8)}" on ${fd}`, () => {
      const node = this.#node(fd);
      node.mode = (node.mode & ~0o7777) | (mode & 0o7777);
    });
  }

  setCloseOnExec(fd: number, on: boolean): void {
    this.#call("fcntl", `Cannot set close-on-exec of ${fd}`, () => {
      this.#self.descriptors.get(fd).closeOnExec = on;
    });
  }

  /** Nobody else locks a file while cgrestore lives, so there is nothing to remember. */
  flock(fd: number): void {
    this.#call("flock", `Cannot lock ${fd}`, () => void this.#node(fd));
  }

  umask(mask: number): number {
    const before = this.#self.umask;
    this.#self.umask = mask & 0o777;
    return before;
  }

  // ---- mounts and namespaces

  mount(source: string, target: string, type: string, flags: number, data: string): void {
    this.#call("mount", `Cannot mount "${source}", type "${type}", options "${data}", on "${target}"`, () => {
      const { mounts } = this.#self;
      if (!this.#resolve(target, true).isDirectory) throw new Errno("ENOTDIR");
      if ((flags & MS_PRIVATE) !== 0) {
        if (target !== "/") throw new Errno("EINVAL");
        mounts.peer = undefined;
        return;
      }
      const root = (flags & MS_BIND) !== 0 ? this.#resolve(source, true) : this.#fileSystem(type, data);
      mounts.add({ target, root, type: type || "bind", source, options: "rw", superOptions: data });
    });
  }

  umount2(target: string, flags: number): void {
    this.#call("umount2", `Cannot unmount "${target}"`, () => {
      this.#self.mounts.remove(target, (flags & MNT_DETACH) !== 0);
    });
  }

  mkdtemp(template: string): string {
    return this.#call("mkdtemp", `Cannot make a directory like "${template}"`, () => {
      if (!template.endsWith("XXXXXX")) throw new Errno("EINVAL");
      const path = template.slice(0, -6) + String(++this.#temporaries).padStart(6, "0");
      const [parent, name] = this.#parent(path);
      parent.make(name, 0o700);
      return path;
    });
  }

  rmdir(path: string): void {
    this.#call("rmdir", `Cannot remove the directory "${path}"`, () => {
      const [parent, name] = this.#parent(path);
      parent.remove(name);
    });
  }

  unshare(flags: number): void {
    this.#call("unshare", `Cannot leave the namespaces "0x${flags.toString(16)}"`, () => {
      if (flags !== CLONE_NEWNS) throw new Errno("EINVAL");
      this.#self.mounts = this.#self.mounts.copy();
    });
  }

  setns(fd: number, type: number): void {
    this.#call("setns", `Cannot enter the namespace ${fd}`, () => {
      const { node } = this.#self.descriptors.get(fd).file;
      if (!(node instanceof NamespaceFile) || type !== CLONE_NEWNS) throw new Errno("EINVAL");
      this.#self.mounts = node.namespace;
      this.kernel.workingDirectory = "the root of the namespace entered";
    });
  }

  fchdir(fd: number): void {
    this.#call("fchdir", `Cannot change the working directory to ${fd}`, () => {
      const { file } = this.#self.descriptors.get(fd);
      if (!file.node.isDirectory) throw new Errno("ENOTDIR");
      this.kernel.workingDirectory = file.path;
    });
  }

  // ---- tasks

  /** The host has run for as many seconds as calls were made. */
  clock(number: number): bigint {
    return this.#call(
      "clock_gettime",
      `Cannot read the clock ${number}`,
      () => BigInt(this.calls.length) * 1_000_000_000n,
    );
  }

  getppid(): number {
    return this.#self.parent?.id ?? 0;
  }

  getpid(): number {
    return this.#self.id;
  }

  getsid(pid: number): number {
    return this.#call("getsid", `Cannot tell the session of task ${pid}`, () => (
      this.#task(pid).session.numbers.get(this.kernel.namespace) ?? 0
    ));
  }

  getpgid(pid: number): number {
    return this.#call("getpgid", `Cannot tell the process group of task ${pid}`, () => (
      this.#task(pid).group.numbers.get(this.kernel.namespace) ?? 0
    ));
  }

  taskExists(pid: number): boolean {
    return this.kernel.tasks.has(positive(pid));
  }

  groupExists(group: number): boolean {
    return [...this.kernel.tasks.values()].some((task) => (
      task.group.numbers.get(this.kernel.namespace) === positive(group)
    ));
  }

  kill(pid: number, signal: number): void {
    positive(pid);
    this.#call("kill", `Cannot send signal ${signal} to task ${pid}`, () => this.#task(pid).signal(signal, false));
  }

  killGroup(_group: number, _signal: number): void {
    onlyForContents("kill");
  }

  spawn(executable: number): number {
    return this.#call("posix_spawn", `Cannot run ${executable}`, () => {
      const program = this.#node(executable);
      if (!(program instanceof MemoryFile)) throw new Errno("EACCES");
      const elf = new DataView(program.bytes.buffer, 0, CODE_OFFSET);
      if (elf.getUint32(0) !== 0x7f454c46 || elf.getBigUint64(24, true) < PROGRAM_BASE + BigInt(CODE_OFFSET)) {
        throw new Errno("ENOEXEC");
      }
      return this.#makeChild(program.bytes).id;
    });
  }

  memfdCreate(name: string): number {
    return this.#call("memfd_create", `Cannot make the memory file "${name}"`, () => (
      this.#self.descriptors.add(new OpenFile(new MemoryFile(), `memfd:${name}`, 2))
    ));
  }

  ftruncate(fd: number, size: number): void {
    this.#call("ftruncate", `Cannot set the size of ${fd} to "${size}"`, () => {
      const node = this.#node(fd);
      if (!(node instanceof MemoryFile)) throw new Errno("EINVAL");
      node.resize(size);
    });
  }

  /** After `release`, what was made from `bytes` is empty: the bytes have moved elsewhere. */
  mapShared(fd: number, size: number): SharedMemory {
    return this.#call("mmap", `Cannot map ${fd}`, () => {
      const node = this.#node(fd);
      if (!(node instanceof MemoryFile) || size > node.size) throw new Errno("EINVAL");
      this.kernel.mapped.add(node);
      const release = () => {
        if (this.kernel.mapped.delete(node)) node.bytes = new Uint8Array(node.bytes.buffer.transfer());
      };
      return { bytes: node.bytes, release };
    });
  }

  writeMemory(pid: number, address: bigint, data: Uint8Array): void {
    this.#call("process_vm_writev", `Cannot write ${data.length} bytes at "${address}" of task ${pid}`, () => {
      this.#task(pid).leader.memory.write(address, data);
    });
  }

  ptraceSeize(pid: number, _options: number): void {
    this.#call("ptrace(PTRACE_SEIZE)", `Cannot seize task ${pid}`, () => {
      const task = this.#task(pid);
      if (task.tracer !== undefined || !task.isAlive) throw new Errno("EPERM");
      task.tracer = this.#self;
    });
  }

  ptraceInterrupt(pid: number): void {
    this.#call("ptrace(PTRACE_INTERRUPT)", `Cannot stop task ${pid}`, () => {
      const task = this.#tracee(pid);
      if (task.state === "sleeping") showInterruptedPause(task);
      if (task.state !== "traced") this.kernel.stop(task, SIGTRAP, PTRACE_EVENT_STOP);
    });
  }

  ptraceContinue(pid: number, signal: number): void {
    this.#call("ptrace(PTRACE_CONT)", `Cannot continue task ${pid} with signal ${signal}`, () => {
      const task = this.#stopped(pid);
      if (signal !== 0) task.deliver(signal);
      if (task.isAlive) resumeProgram(task, this.#startRemote);
    });
  }

  ptraceDetach(pid: number, signal: number): void {
    this.#call("ptrace(PTRACE_DETACH)", `Cannot let go of task ${pid} with signal ${signal}`, () => {
      const task = this.#stopped(pid);
      task.tracer = undefined;
      resumeProgram(task, this.#startRemote);
      if (signal !== 0) task.pending.unshift(signal);
    });
  }

  ptraceGetRegisters(pid: number, registers: BigUint64Array): void {
    this.#call("ptrace(PTRACE_GETREGS)", `Cannot read the registers of task ${pid}`, () => {
      registers.set(this.#stopped(pid).registers);
    });
  }

  ptraceSetRegisters(pid: number, registers: BigUint64Array): void {
    this.#call("ptrace(PTRACE_SETREGS)", `Cannot set the registers of task ${pid}`, () => {
      const task = this.#stopped(pid);
      task.registers.set(registers);
      task.isRedirected = true;
    });
  }

  ptraceSyscall(): void {
    onlyForContents("ptrace(PTRACE_SYSCALL)");
  }

  ptraceKill(): void {
    onlyForContents("ptrace(PTRACE_KILL)");
  }

  ptraceStep(): void {
    onlyForContents("ptrace(PTRACE_SINGLESTEP)");
  }

  ptraceSetThreadArea(): void {
    onlyForContents("ptrace(PTRACE_SET_THREAD_AREA)");
  }

  spawnSibling(): number {
    onlyForContents("clone3");
  }

  pidfdOpen(_pid: number): number {
    onlyForContents("pidfd_open");
  }

  pidfdGetfd(_pidfd: number, _fd: number): number {
    onlyForContents("pidfd_getfd");
  }

  sendDescriptor(_socket: number, _data: Uint8Array, _passed: number): void {
    onlyForContents("sendmsg");
  }

  pipe(): readonly [number, number] {
    onlyForContents("pipe2");
  }

  getenv(_name: string): string | undefined {
    return undefined;
  }

  spawnProgram(path: string): number {
    throw new Error(`The fake kernel has no programs to run: ${path}`);
  }

  ptraceSetOptions(_pid: number, _options: number): void {
    onlyForContents("ptrace(PTRACE_SETOPTIONS)");
  }

  ptraceSetSignalMask(_pid: number, _mask: bigint): void {
    onlyForContents("ptrace(PTRACE_SETSIGMASK)");
  }

  ptraceGetRegisterSet(_pid: number, _type: number, _buffer: Uint8Array): number {
    onlyForContents("ptrace(PTRACE_GETREGSET)");
  }

  ptraceSetRegisterSet(_pid: number, _type: number, _data: Uint8Array): void {
    onlyForContents("ptrace(PTRACE_SETREGSET)");
  }

  /** Nothing happens between two calls, so a wait that finds nothing has timed out at once. */
  wait(pid: number, timeoutMs: number): WaitResult | undefined {
    return this.#call("waitpid", `Cannot wait for task ${pid}`, () => {
      if (timeoutMs > 0 && this.#caught !== 0 && !this.#isCaughtKnown) throw new Errno("EINTR");
      const found = this.#self.collect(pid === -1 ? pid : positive(pid));
      if (found !== undefined) return { pid: found.id, status: found.status };
      if (timeoutMs === 0) return undefined;
      throw new Errno("ETIMEDOUT");
    });
  }

  // ---- the processor

  /** A processor without XSAVE. */
  isSameMemory(one: Uint8Array, other: Uint8Array): boolean {
    return one.length === other.length && one.every((byte, index) => byte === other[index]);
  }

  cpuid(_leaf: number, _subleaf: number): readonly [number, number, number, number] {
    return [0, 0, 0, 0];
  }

  // ---- ourselves

  errnoName(errno: number): string {
    return errnoName(errno);
  }

  catchSignals(): void {
    this.#isCaughtKnown = false;
  }

  caughtSignal(): number {
    this.#isCaughtKnown = this.#caught !== 0;
    return this.#caught;
  }

  takeSignal(): number {
    const signal = this.#caught;
    this.#caught = 0;
    this.#isCaughtKnown = false;
    return signal;
  }

  /** No signal comes once a restore has ended. */
  ignoreSignals(): void {}

  ignoreSignal(_signal: number): void {}

  setChildSubreaper(on: boolean): void {
    this.#call("prctl", "Cannot adopt the orphans of our descendants", () => setSubreaper(this.#self, on));
  }

  /** Time passes for cgroups that are still busy with tasks that have ended. */
  sleep(_ms: number): void {
    for (const hierarchy of this.kernel.hierarchies.values()) {
      for (const cgroup of hierarchy.all()) cgroup.lingers = false;
    }
  }

  // ---- private

  get #self(): FakeTask {
    return this.kernel.self;
  }

  /** Makes one call that can fail: counts it, fails it when its turn has come, and lets the tasks go on afterwards. */
  #call<T>(call: string, attempt: string, action: () => T, options: { readonly evenWhenFailing?: () => void } = {}): T {
    const number = this.calls.push(call);
    const { failCalls = [], signalAt, code = "EIO" } = this.#failures;
    if (number === signalAt) this.#caught = SIGINT;
    try {
      if (failCalls.includes(number)) {
        options.evenWhenFailing?.();
        throw new Errno(code);
      }
      return action();
    } catch (error) {
      if (error instanceof Errno) throw new SysError(call, error.code, attempt, undefined, { cause: error });
      throw error;
    } finally {
      this.kernel.settle();
    }
  }

  readonly #startRemote: StartCall = (task, number, args) => {
    const count = this.remoteCalls.push(nameOfCall(number));
    const { failRemoteCall, code = "EIO" } = this.#failures;
    return () => {
      try {
        if (count === failRemoteCall) throw new Errno(code);
        return runCall({ kernel: this.kernel, start: this.#startRemote }, task, { number, args });
      } catch (error) {
        if (error instanceof Errno) return -errnoNumber(error.code);
        throw error;
      }
    };
  };

  #absolute(path: string): string {
    if (path.startsWith("/")) return path;
    return path === "." ? this.kernel.workingDirectory : `${this.kernel.workingDirectory}/${path}`.replace("//", "/");
  }

  #resolve(path: string, follow: boolean): FakeNode {
    if (path === "") throw new Errno("ENOENT");
    return this.#self.mounts.resolve(this.#absolute(path), follow);
  }

  /** The directory that a path names something in, and that name. */
  #parent(path: string): [FakeNode, string] {
    const absolute = this.#absolute(path);
    const end = absolute.lastIndexOf("/");
    return [this.#resolve(absolute.slice(0, end) || "/", true), absolute.slice(end + 1)];
  }

  #parentBeneath(directory: number, path: string): [FakeNode, string] {
    let node: FakeNode = this.#node(directory);
    const names = path.split("/").filter((name) => name !== "");
    const last = names.pop();
    if (last === undefined) throw new Errno("ENOENT");
    for (const name of names) node = node.child(name) ?? fail("ENOENT");
    return [node, last];
  }

  #node(fd: number): FakeNode {
    const { file } = this.#self.descriptors.get(fd);
    if ((file.flags & O_PATH) !== 0 && (file.flags & O_DIRECTORY) === 0) throw new Errno("EBADF");
    return file.node;
  }

  /** The root of a file system that mount(2) makes or finds. */
  #fileSystem(type: string, data: string): FakeNode {
    if (type === "tmpfs") return new MemoryDirectory(TMPFS_MAGIC, 0o700);
    if (type === "cgroup2") return this.kernel.attachHierarchy("", this.kernel.looseControllers).root;
    if (type !== "cgroup") throw new Errno("ENODEV");
    const options = data.split(",").filter((option) => option !== "xattr" && option !== "");
    const name = options.find((option) => option.startsWith("name="));
    const controllers = options.filter((option) => option !== "none" && option !== name);
    if (controllers.length === 0 && name !== undefined && options.includes("none")) {
      return this.kernel.attachHierarchy(name, []).root;
    }
    return this.#controllerHierarchy(controllers);
  }

  /** The v1 hierarchy with exactly these controllers; EBUSY when another one has some of them. */
  #controllerHierarchy(controllers: readonly string[]): FakeNode {
    if (controllers.length === 0) throw new Errno("EINVAL");
    const same = (others: readonly string[]) => [...others].sort().join() === [...controllers].sort().join();
    for (const hierarchy of this.kernel.hierarchies.values()) {
      if (hierarchy.version === 1 && same(hierarchy.controllers)) return hierarchy.root;
    }
    const loose = this.kernel.looseControllers;
    if (controllers.some((name) => !this.kernel.host.controllers.includes(name))) throw new Errno("EINVAL");
    if (controllers.some((name) => !loose.includes(name))) throw new Errno("EBUSY");
    return this.kernel.attachHierarchy(controllers.join(","), controllers).root;
  }

  #task(pid: number): FakeTask {
    return this.kernel.tasks.get(pid) ?? fail("ESRCH");
  }

  #tracee(pid: number): FakeTask {
    const task = this.#task(pid);
    if (task.tracer !== this.#self || !task.isAlive) throw new Errno("ESRCH");
    return task;
  }

  /** A tracee whose stop may be worked on: ESRCH while it runs (ptrace(2)). */
  #stopped(pid: number): FakeTask {
    const task = this.#tracee(pid);
    if (task.state !== "traced") throw new Errno("ESRCH");
    return task;
  }

  #makeChild(program: Uint8Array): FakeTask {
    const { namespace, home } = this.kernel;
    const pid = new FakePid();
    pid.numbers.set(namespace, namespace.choose());
    const task = new FakeTask({ pid, namespace, comm: "cgrestore", mounts: home });
    task.mounts = this.#self.mounts;
    task.parent = this.#self;
    task.group = this.#self.group;
    task.session = this.#self.session;
    task.hasSubreaper = this.#self.hasSubreaper || this.#self.isSubreaper;
    task.descriptors = this.#self.descriptors.copy({ exec: true });
    const size = Math.ceil(program.length / PAGE) * PAGE;
    task.memory.map(PROGRAM_BASE, size, { protection: PROT_READ_EXEC, bytes: program });
    task.memory.map(0x7ffc_0000_0000n, 0x21000, { protection: PROT_READ_WRITE, name: "[stack]" });
    task.memory.map(0x7ffc_1000_0000n, 0x4000, { protection: 1, name: "[vvar]" });
    task.memory.map(0x7ffc_2000_0000n, 0x2000, { protection: PROT_READ_EXEC, name: "[vdso]" });
    task.program = stubProgram();
    namespace.tasks.set(task.id, task);
    for (const [hierarchy, cgroup] of this.#self.cgroups) hierarchy.put([task], cgroup);
    return task;
  }
}

/** As `LinuxSys`: what is not positive would address groups, and is a bug. */
function positive(pid: number): number {
  if ((pid | 0) !== pid || pid <= 0) throw new RangeError(`Cannot address task "${pid}": not a positive 32-bit number`);
  return pid;
}

/** For the calls that placeholders do without: tasks of the fake kernel have no contents. */
function onlyForContents(call: string): never {
  throw new RangeError(`Cannot make the call ${call}: the fake kernel knows placeholders only`);
}

function fail(code: string): never {
  throw new Errno(code);
}
