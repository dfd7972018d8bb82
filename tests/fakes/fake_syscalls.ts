/** System calls that tracees of the fake kernel make. */

import {
  CLONE_FILES,
  CLONE_INTO_CGROUP,
  CLONE_NEWCGROUP,
  CLONE_NEWPID,
  CLONE_PARENT,
  CLONE_PTRACE,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  MAP_ANONYMOUS,
  MAP_SHARED,
} from "../../lib/sys/constants.ts";
import { X86_64 } from "../../lib/tracee/agent_x86_64.ts";
import { enterAgent, type StartCall } from "./fake_agent.ts";
import { FakeCgroup } from "./fake_cgroups.ts";
import type { FakeKernel } from "./fake_kernel.ts";
import { Errno, MemoryFile } from "./fake_nodes.ts";
import { FakePid, FakeTask, PidNamespace } from "./fake_tasks.ts";

/** What a call works with. */
export interface CallContext {
  readonly kernel: FakeKernel;
  /** Of `startCall`, for the children that are made. */
  readonly start: StartCall;
}

interface Call {
  readonly kernel: FakeKernel;
  readonly start: StartCall;
  readonly task: FakeTask;
  readonly args: readonly bigint[];
  /** An argument as a number of 32 bits with a sign. */
  readonly int: (index: number) => number;
}

type Implementation = (call: Call) => number | undefined;

const NO_RETURN = 0;
const PAGE = 4096;
const SIGKILL = 9;
const SIGSTOP = 19;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_NAME = 15;
const PR_SET_CHILD_SUBREAPER = 36;
const PTRACE_EVENT_STOP = 128;
const SIGTRAP = 5;
const CLONE_ARGS_SIZE = 88;

const { syscall: numbers } = X86_64;

const CALLS: ReadonlyMap<number, Implementation> = new Map<number, Implementation>([
  [numbers.write, ({ task, args, int }) => {
    const { file } = task.leader.descriptors.get(int(0));
    const view = task.leader.memory.view(args[1] ?? 0n, int(2));
    return file.write(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice(), task);
  }],
  [numbers.mmap, ({ task, args, int }) => {
    const file = (int(3) & MAP_ANONYMOUS) === 0 ? task.leader.descriptors.get(int(4)).file.node : undefined;
    if (file !== undefined && !(file instanceof MemoryFile)) throw new Errno("EACCES");
    const size = Math.ceil(int(1) / PAGE) * PAGE;
    const isShared = (int(3) & MAP_SHARED) !== 0;
    const content = file === undefined ? {} : isShared ? { file } : { bytes: file.bytes.slice(0, size) };
    task.leader.memory.map(args[0] ?? 0n, size, { protection: int(2), ...content });
    return Number(args[0]);
  }],
  [numbers.mprotect, ({ task, args, int }) => (task.leader.memory.protect(args[0] ?? 0n, int(2)), 0)],
  [numbers.munmap, ({ task, args }) => (task.leader.memory.unmap(args[0] ?? 0n, args[1] ?? 0n), 0)],
  [numbers.rt_sigaction, ({ task, args, int }) => {
    if (int(0) < 1 || int(0) > 64 || int(0) === SIGKILL || int(0) === SIGSTOP || int(3) !== 8) {
      throw new Errno("EINVAL");
    }
    task.leader.memory.view(args[1] ?? 0n, 32);
    return 0;
  }],
  [numbers.rt_sigprocmask, ({ task, args, int }) => {
    if (int(0) > 2 || int(3) !== 8) throw new Errno("EINVAL");
    task.leader.memory.view(args[1] ?? 0n, 8);
    return 0;
  }],
  [numbers.umask, ({ task, int }) => {
    const before = task.leader.umask;
    task.leader.umask = int(0) & 0o777;
    return before;
  }],
  [numbers.close_range, ({ task, args }) => {
    const [from, to] = [Number(args[0]), Number(args[1])];
    if (from > to) throw new Errno("EINVAL");
    task.leader.descriptors.closeRange(from, to);
    return 0;
  }],
  [numbers.clone3, cloneTask],
  [numbers.setsid, ({ task: { leader } }) => {
    const isGroup = [...leader.namespace.tasks.values()].some(({ group }) => group === leader.pid);
    if (isGroup) throw new Errno("EPERM");
    leader.session = leader.group = leader.pid;
    return numberIn(leader.namespace, leader);
  }],
  [numbers.setpgid, ({ task: { leader }, int }) => {
    if (int(0) !== 0) throw new Errno("ENOSYS");
    if (leader.session === leader.pid) throw new Errno("EPERM");
    if (int(1) < 0) throw new Errno("EINVAL");
    leader.group = groupFor(leader, int(1));
    return 0;
  }],
  [numbers.prctl, ({ task, args, int }) => {
    if (int(0) === PR_SET_NAME) task.comm = task.leader.memory.string(args[1] ?? 0n).slice(0, 15);
    else if (int(0) === PR_SET_CHILD_SUBREAPER) setSubreaper(task.leader, args[1] !== 0n);
    else if (int(0) !== PR_SET_PDEATHSIG && int(0) !== PR_SET_DUMPABLE) throw new Errno("EINVAL");
    return 0;
  }],
  // cgrestore holds every lock, and lives as long as the fake.
  [numbers.flock, ({ task, int }) => (task.leader.descriptors.get(int(0)), undefined)],
  [numbers.unshare, ({ kernel, task, int }) => {
    if (int(0) === CLONE_NEWCGROUP) {
      const roots = [...kernel.hierarchies].map(([name, hierarchy]) => [name, hierarchy.cgroupOf(task).path] as const);
      task.cgroupNamespace = new Map(roots);
    } else if (int(0) === CLONE_NEWPID) task.namespaceForChildren = new PidNamespace(task.namespace);
    else throw new Errno("EINVAL");
    return 0;
  }],
  [numbers.kill, ({ task, int }) => {
    const target = task.namespace.tasks.get(int(0));
    if (target === undefined) throw new Errno("ESRCH");
    target.signal(int(1), true);
    return 0;
  }],
  [numbers.exit_group, ({ task, int }) => (task.leader.end((int(0) & 0xff) << 8), NO_RETURN)],
  [numbers.wait4, ({ task: { leader }, int }) => {
    const child = leader.namespace.tasks.get(int(0));
    if (child === undefined || !child.isLeader || child.parent !== leader) throw new Errno("ECHILD");
    if (!child.isReportable || child.tracer !== undefined) return undefined;
    child.release();
    return int(0);
  }],
  [numbers.pause, () => undefined],
]);

/** Carries out a system call of `task`; `undefined` while it blocks. A failure is a thrown `Errno`. */
export function runCall(
  { kernel, start }: CallContext,
  task: FakeTask,
  { number, args }: { readonly number: number; readonly args: readonly bigint[] },
): number | undefined {
  const implementation = CALLS.get(number);
  if (implementation === undefined) throw new Errno("ENOSYS");
  return implementation({ kernel, start, task, args, int: (index) => Number(BigInt.asIntN(32, args[index] ?? 0n)) });
}

/** The name of a system call. */
export function nameOfCall(number: number): string {
  return Object.entries(numbers).find(([, value]) => value === number)?.[0] ?? String(number);
}

/** prctl(PR_SET_CHILD_SUBREAPER): marks the descendants that exist, as later ones inherit it. */
export function setSubreaper(task: FakeTask, on: boolean): void {
  task.isSubreaper = on;
  if (on) markDescendants(task);
}

function markDescendants(task: FakeTask): void {
  for (const child of task.children) {
    if (child.hasSubreaper || child.namespace.init === child) continue;
    child.hasSubreaper = true;
    markDescendants(child);
  }
}

function numberIn(namespace: PidNamespace, task: FakeTask): number {
  return task.pid.numbers.get(namespace) ?? 0;
}

/** The group that setpgid(2) means: the caller's own, or one that has a member in its session. */
function groupFor(leader: FakeTask, number: number): FakePid {
  if (number === 0 || number === numberIn(leader.namespace, leader)) return leader.pid;
  const member = [...leader.namespace.tasks.values()].find((task) => (
    task.group.numbers.get(leader.namespace) === number && task.session === leader.session
  ));
  if (member === undefined) throw new Errno("EPERM");
  return member.group;
}

// ---- clone3

interface CloneRequest {
  readonly flags: bigint;
  readonly exitSignal: number;
  readonly tid: number;
  readonly cgroup: FakeCgroup | undefined;
}

function cloneTask(call: Call): number {
  const { kernel, start, task, args } = call;
  const request = readCloneArguments(call);
  const has = (flag: number) => (request.flags & BigInt(flag)) !== 0n;
  const isThread = has(CLONE_THREAD);
  const namespace = task.namespaceForChildren;
  checkClone(task, request);
  const pid = isThread || namespace.init !== undefined || namespace.parent === undefined || request.tid <= 1
    ? allocatePid(kernel, namespace, request.tid)
    : fail("EINVAL");
  const child = new FakeTask({ pid, namespace, comm: task.comm, mounts: task.mounts });
  for (const [at, number] of pid.numbers) at.tasks.set(number, child);
  namespace.init ??= child;
  if (isThread) joinProcess(child, task.leader);
  else beProcess(child, task, { isSibling: has(CLONE_PARENT), exitSignal: request.exitSignal });
  for (const [hierarchy, cgroup] of task.cgroups) {
    hierarchy.put([child], hierarchy.version === 2 ? request.cgroup ?? cgroup : cgroup);
  }
  child.cgroupNamespace = task.cgroupNamespace;
  enterAgent(child, args, start);
  if (has(CLONE_PTRACE) && task.tracer !== undefined) {
    child.tracer = task.tracer;
    kernel.stop(child, SIGTRAP, PTRACE_EVENT_STOP);
  } else child.state = "running";
  return numberIn(task.namespace, child);
}

/** linux/sched.h, `struct clone_args`. */
function readCloneArguments({ task, args }: Call): CloneRequest {
  if (Number(args[1]) !== CLONE_ARGS_SIZE) throw new Errno("EINVAL");
  const view = task.leader.memory.view(args[0] ?? 0n, CLONE_ARGS_SIZE);
  const word = (offset: number) => view.getBigUint64(offset, true);
  const flags = word(0);
  const count = word(72);
  if (count > 1n || (count === 0n) !== (word(64) === 0n)) throw new Errno("EINVAL");
  const tid = count === 0n ? 0 : task.leader.memory.view(word(64), 4).getInt32(0, true);
  const node = (flags & CLONE_INTO_CGROUP) === 0n ? undefined : task.leader.descriptors.get(Number(word(80))).file.node;
  if (node !== undefined && (!(node instanceof FakeCgroup) || node.hierarchy.version !== 2)) throw new Errno("EBADF");
  return { flags, exitSignal: Number(word(32)), tid, cgroup: node instanceof FakeCgroup ? node : undefined };
}

function checkClone(task: FakeTask, { flags, exitSignal, cgroup }: CloneRequest): void {
  const has = (flag: number) => (flags & BigInt(flag)) !== 0n;
  const isThread = has(CLONE_THREAD);
  if ((isThread || has(CLONE_PARENT)) && exitSignal !== 0) throw new Errno("EINVAL");
  if (isThread && !(has(CLONE_SIGHAND) && has(CLONE_VM) && has(CLONE_FILES))) throw new Errno("EINVAL");
  if (isThread && task.namespaceForChildren !== task.namespace) throw new Errno("EINVAL");
  if (has(CLONE_PARENT) && task.leader.namespace.init === task.leader) throw new Errno("EINVAL");
  cgroup?.checkEntry();
  for (const own of task.cgroups.values()) {
    const place = own.hierarchy.version === 2 ? cgroup ?? own : own;
    place.checkFork();
  }
}

/** Numbers in the namespace and all above; only the innermost is chosen. */
function allocatePid({ host }: FakeKernel, namespace: PidNamespace, tid: number): FakePid {
  if (tid < 0 || tid >= host.pidMax) throw new Errno("EINVAL");
  if (tid !== 0 && namespace.isTaken(tid)) throw new Errno("EEXIST");
  const chain: PidNamespace[] = [];
  for (let at: PidNamespace | undefined = namespace; at !== undefined; at = at.parent) chain.unshift(at);
  const pid = new FakePid();
  for (const at of chain) pid.numbers.set(at, at === namespace && tid !== 0 ? tid : at.choose());
  return pid;
}

function joinProcess(child: FakeTask, leader: FakeTask): void {
  child.leader = leader;
  child.threads = leader.threads;
  child.threads.add(child);
  child.parent = leader.parent;
  child.group = leader.group;
  child.session = leader.session;
}

function beProcess(
  child: FakeTask,
  maker: FakeTask,
  { isSibling, exitSignal }: { readonly isSibling: boolean; readonly exitSignal: number },
): void {
  const { leader } = maker;
  child.parent = isSibling ? leader.parent : leader;
  child.exitSignal = isSibling ? leader.exitSignal : exitSignal;
  child.group = leader.group;
  child.session = leader.session;
  child.hasSubreaper = leader.hasSubreaper || leader.isSubreaper;
  child.memory = leader.memory.copy();
  child.descriptors = leader.descriptors.copy({ exec: false });
  child.umask = leader.umask;
}

function fail(code: string): never {
  throw new Errno(code);
}
