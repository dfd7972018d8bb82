import { SysError } from "../errors.ts";
import { forEachAlways } from "../for_each_always.ts";
import { CLONE_NEWPID, O_RDONLY } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { SharedMemory, Sys } from "../sys/sys.ts";
import { CODE_OFFSET, makeElf, PROGRAM_BASE } from "./elf.ts";
import type { Architecture } from "./architecture.ts";
import { cString } from "../text.ts";
import type { RemoteCall } from "./remote_call.ts";
import type { Slots } from "./slots.ts";
import { Tracee, type TraceeContext } from "./tracee.ts";

/** linux/ptrace.h */
const PTRACE_O_TRACESYSGOOD = 0x1;
/** Whatever becomes of us, no tracee survives. */
const PTRACE_O_EXITKILL = 0x100000;

const PAGE = 4096;
const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;
const MAP_FIXED_NOREPLACE = 0x100000;
const HIGHEST_SIGNAL = 64;
const SIGTRAP = 5;
const SIGKILL = 9;
const SIGSTOP = 19;
const SIG_SETMASK = 2;
/** What is blocked in the agent: its breakpoints need their signal. */
export const ALL_BUT_TRAP = 2n ** 64n - 1n ^ 1n << BigInt(SIGTRAP - 1);
const PR_SET_NAME = 15;
/** Comm of the coordinator, which its descendants are born with. */
const COORDINATOR_NAME = "cgrestore";

/** The coordinator: the first tracee, which makes the root task and is no part of the checkpoint. */
export interface Coordinator {
  readonly tracee: Tracee;
  /** The root task, where it had to be made by us. */
  readonly sibling?: Sibling;
  /** Unmaps the shared memory. The coordinator itself is ended by whoever ends all tracees. */
  release(): void;
}

/** The root task as a child of our own parent: as clean as the coordinator, and parked in its own slot. */
export interface Sibling {
  readonly tracee: Tracee;
  /** A descriptor that it has, of a pidfd of the coordinator. */
  readonly coordinatorDescriptor: number;
}

export interface CoordinatorOptions {
  /** Descriptors that the coordinator keeps, and its descendants inherit; ascending. */
  readonly keep: readonly number[];
  /** Told the pid as soon as there is one, so that it can be ended whatever happens next. */
  readonly onSpawn: (pid: number) => void;
  /**
   * A file of a page or more to map the agent's page from, privately: it stays open, and locked with flock(2), until
   * the last task that descends from the coordinator has ended.
   */
  readonly agentFile?: number | undefined;
  /** Whether it may live on when we die while it is traced; until it clears that, the stub's death signal ends it. */
  readonly mayOutliveUs?: boolean;
  /**
   * Whether it blocks all signals but the one of breakpoints, as its descendants will: what is sent to them waits until
   * they get masks of their own.
   */
  readonly blocksSignals?: boolean;
  /** The root task, when it is to be a child of our own parent: only we can make that. */
  readonly sibling?: SiblingOptions | undefined;
}

export interface SiblingOptions {
  readonly pid: number;
  readonly newPidNamespace: boolean;
  /** A descriptor of ours of the pid namespace that it is made in; absent: ours, or a new one. */
  readonly pidNamespace?: number;
  readonly newUserNamespace: boolean;
  readonly slot: number;
  /** As for the coordinator. */
  readonly onSpawn: (pid: number) => void;
}

/**
 * Starts the coordinator: a process with nothing in its address space but the agent and the slots, default signal
 * actions, umask 0, and no descriptors but those it was told to keep.
 *
 * Agent and slots go to the context's base, which must be free in every task to come. The slots must have been
 * measured, the coordinator's own first; they are bound to the shared memory here.
 */
export function startCoordinator(context: TraceeContext, options: CoordinatorOptions): Coordinator {
  const { sys, slots } = context;
  const memory = sys.memfdCreate("cgrestore-slots");
  let shared: SharedMemory | undefined;
  const release = () => shared?.release();
  try {
    try {
      sys.ftruncate(memory, slots.size);
      shared = sys.mapShared(memory, slots.size);
      slots.bind(shared.bytes, context.base + PAGE);
      const tracee = startChild(context, memory, options);
      const sibling = options.sibling && startSibling(context, { memory, tracee, options, ...options.sibling });
      return { tracee, release, ...sibling === undefined ? {} : { sibling } };
    } finally {
      sys.close(memory);
    }
  } catch (error) {
    release();
    throw error;
  }
}

function startChild(context: TraceeContext, memory: number, options: CoordinatorOptions): Tracee {
  const { sys, architecture } = context;
  return takeOver(context, {
    ...{ memory, options, slot: 0, keep: options.keep },
    stub: architecture.stub(sys.getpid()),
    spawn: (program) => {
      const pid = sys.spawn(program);
      options.onSpawn(pid);
      return pid;
    },
  });
}

interface SiblingParts extends SiblingOptions {
  readonly memory: number;
  /** The coordinator. */
  readonly tracee: Tracee;
  readonly options: CoordinatorOptions;
}

function startSibling(context: TraceeContext, parts: SiblingParts): Sibling {
  const { sys, architecture } = context;
  const { memory, options, slot, pid, newPidNamespace, pidNamespace, newUserNamespace } = parts;
  const coordinatorDescriptor = sys.pidfdOpen(parts.tracee.pid);
  const opened = [coordinatorDescriptor];
  try {
    const [end, ours] = sys.pipe();
    opened.push(end, ours);
    for (const fd of [coordinatorDescriptor, end]) sys.setCloseOnExec(fd, false);
    const tracee = takeOver(context, {
      ...{ memory, options, slot, keep: [...options.keep, coordinatorDescriptor].sort((a, b) => a - b) },
      stub: architecture.siblingStub(end),
      spawn: (program) => {
        const spawn = () => {
          const made = sys.spawnSibling(program, { pid, newPidNamespace, newUserNamespace });
          parts.onSpawn(made);
          return made;
        };
        return pidNamespace === undefined ? spawn() : inPidNamespace(sys, pidNamespace, spawn);
      },
    });
    return { tracee, coordinatorDescriptor };
  } finally {
    forEachAlways(opened, (fd) => sys.close(fd));
  }
}

/** Does what makes a child in another pid namespace; while that is so, we can start no threads. */
function inPidNamespace<T>(sys: Sys, namespace: number, make: () => T): T {
  const own = sys.open("/proc/self/ns/pid", O_RDONLY);
  try {
    sys.setns(namespace, CLONE_NEWPID);
    try {
      return make();
    } finally {
      sys.setns(own, CLONE_NEWPID);
    }
  } finally {
    sys.close(own);
  }
}

interface NewProcess {
  /** The shared memory's file. */
  readonly memory: number;
  readonly options: CoordinatorOptions;
  readonly slot: number;
  readonly keep: readonly number[];
  /** What it runs until it is seized. */
  readonly stub: Uint8Array;
  /** Starts the program behind a descriptor; returns the pid. */
  readonly spawn: (program: number) => number;
}

/** Starts a process, seizes it, and leaves nothing in it but the agent. */
function takeOver(context: TraceeContext, process: NewProcess): Tracee {
  const { sys } = context;
  const { memory, options, slot, keep } = process;
  const pid = spawnSeized(context, process);
  sys.setCloseOnExec(memory, true);
  const tracee = new Tracee(context, pid, slot);
  installAgent(tracee, memory, options);
  tracee.run(cleanCalls(tracee, { ...options, keep }));
  return tracee;
}

function spawnSeized(context: TraceeContext, { memory, options, stub, spawn }: NewProcess): number {
  const { sys, architecture } = context;
  const program = sys.memfdCreate("cgrestore-coordinator");
  try {
    sys.write(program, makeProgram(architecture, stub));
    // The slots' memory is mapped by the process itself, so it needs the descriptor.
    sys.setCloseOnExec(memory, false);
    if (options.agentFile !== undefined) sys.setCloseOnExec(options.agentFile, false);
    const pid = spawn(program);
    sys.ptraceSeize(pid, PTRACE_O_TRACESYSGOOD | (options.mayOutliveUs ? 0 : PTRACE_O_EXITKILL));
    sys.ptraceInterrupt(pid);
    sys.wait(pid, 10_000);
    return pid;
  } finally {
    sys.close(program);
    if (options.agentFile !== undefined) sys.setCloseOnExec(options.agentFile, true);
  }
}

/** The agent comes before the stub in the program, so that its gadget can be used before it has moved. */
function makeProgram({ agent, elfMachine }: Architecture, stub: Uint8Array): Uint8Array<ArrayBuffer> {
  const code = new Uint8Array(agent.length + stub.length);
  code.set(agent);
  code.set(stub, agent.length);
  return makeElf(elfMachine, { code, entry: agent.length });
}

/** Maps the agent and the slots at their address, and enters the agent there. */
function installAgent(tracee: Tracee, memory: number, { agentFile }: CoordinatorOptions): void {
  const { sys, architecture, slots, base } = tracee.context;
  const { mmap, mprotect } = architecture.syscall;
  const single = (number: number, ...args: number[]) => callByRegisters(tracee, number, args);
  const agentMapping = MAP_PRIVATE | MAP_FIXED_NOREPLACE | (agentFile === undefined ? MAP_ANONYMOUS : 0);
  single(mmap, base, PAGE, PROT_READ_WRITE, agentMapping, agentFile ?? -1, 0);
  single(mmap, base + PAGE, slots.size, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, memory, 0);
  sys.writeMemory(tracee.pid, BigInt(base), architecture.agent);
  single(mprotect, base, PAGE, PROT_READ_EXEC);
  const registers = readRegisters(tracee);
  registers[architecture.register.instruction] = BigInt(base + architecture.park);
  registers[architecture.register.slot] = BigInt(slots.address(tracee.slot));
  writeRegisters(tracee, registers);
  sys.ptraceContinue(tracee.pid, 0);
  tracee.waitParked();
}

/** One system call through the gadget in the program, before there is shared memory. */
function callByRegisters(tracee: Tracee, number: number, args: readonly number[]): void {
  const { sys, architecture } = tracee.context;
  const { register } = architecture;
  const registers = readRegisters(tracee);
  registers[register.instruction] = PROGRAM_BASE + BigInt(CODE_OFFSET + architecture.gadget);
  registers[register.number] = BigInt(number);
  register.arguments.forEach((index, i) => registers[index] = BigInt.asUintN(64, BigInt(args[i] ?? 0)));
  writeRegisters(tracee, registers);
  sys.ptraceContinue(tracee.pid, 0);
  tracee.waitParked();
  const result = Number(BigInt.asIntN(64, readRegisters(tracee)[register.result] ?? 0n));
  if (result < 0 && result >= -4095) {
    throw new SysError("ptrace", sys.errnoName(-result), `Cannot set up the coordinator with system call ${number}`);
  }
}

function readRegisters(tracee: Tracee): BigUint64Array<ArrayBuffer> {
  const registers = new BigUint64Array(new ArrayBuffer(8 * tracee.context.architecture.registerCount));
  tracee.context.sys.ptraceGetRegisters(tracee.pid, registers);
  return registers;
}

function writeRegisters(tracee: Tracee, registers: BigUint64Array): void {
  registers[tracee.context.architecture.register.originalNumber] = 0xffff_ffff_ffff_ffffn;
  tracee.context.sys.ptraceSetRegisters(tracee.pid, registers);
}

/** Empties the address space, the descriptor table and the signal state of what cgrestore handed down. */
function cleanCalls(tracee: Tracee, { keep, blocksSignals = false }: CoordinatorOptions): RemoteCall[] {
  const { syscall } = tracee.context.architecture;
  const purpose = (call: string) => ({ call, attempt: () => "Cannot set up the coordinator" });
  const calls: RemoteCall[] = unwantedMappings(tracee).map(([start, size]) => (
    { number: syscall.munmap, arguments: [start, size], purpose: purpose("munmap") }
  ));
  const noAction = new Uint8Array(32);
  for (let signal = 1; signal <= HIGHEST_SIGNAL; signal++) {
    if (signal === SIGKILL || signal === SIGSTOP) continue;
    calls.push({
      number: syscall.rt_sigaction,
      arguments: [signal, noAction, 0, 8],
      purpose: purpose("rt_sigaction"),
    });
  }
  const mask = signalMask(blocksSignals ? ALL_BUT_TRAP : 0n);
  calls.push(
    { number: syscall.rt_sigprocmask, arguments: [SIG_SETMASK, mask, 0, 8], purpose: purpose("rt_sigprocmask") },
    { number: syscall.umask, arguments: [0], purpose: purpose("umask") },
    // The plan counts on the name that tasks inherit.
    { number: syscall.prctl, arguments: [PR_SET_NAME, cString(COORDINATOR_NAME)], purpose: purpose("prctl") },
  );
  let from = 0;
  for (const fd of [...keep, -1]) {
    const to = fd === -1 ? 0xffff_ffff : fd - 1;
    if (from <= to) {
      calls.push({ number: syscall.close_range, arguments: [from, to, 0], purpose: purpose("close_range") });
    }
    from = fd + 1;
  }
  return calls;
}

function signalMask(mask: bigint): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BigUint64Array.of(mask).buffer);
}

/** What `startCoordinator` runs in a slot at most: entries, and bytes of data. */
export function cleaningSize(kept: number): { readonly entries: number; readonly data: number } {
  const mappings = 8;
  return { entries: mappings + HIGHEST_SIGNAL + 3 + kept + 1, data: HIGHEST_SIGNAL * 32 + 32 };
}

/**
 * Reserves the coordinator's slot, which must be the first, for what `startCoordinator` runs in it, and for `more`.
 *
 * @returns how many entries `startCoordinator` uses at most
 */
export function reserveCoordinatorSlot(slots: Slots, kept: number, more = { entries: 0, data: 0 }): number {
  const { entries, data } = cleaningSize(kept);
  slots.reserve(entries + more.entries, data + more.data);
  return entries;
}

/** Everything that is mapped but the agent and the slots: start and size. proc_pid_maps(5). */
function unwantedMappings(tracee: Tracee): [number, number][] {
  const { base, slots } = tracee.context;
  const end = base + PAGE + slots.size;
  const found: [number, number][] = [];
  for (const line of readText(tracee.context.sys, `/proc/${tracee.pid}/maps`).split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (match === null || line.endsWith("[vsyscall]")) continue;
    const [from, to] = [Number(`0x${match[1]}`), Number(`0x${match[2]}`)];
    if (from < base || to > end) found.push([from, to - from]);
  }
  return found;
}
