import type { Credentials, IntervalTimer, PosixTimer } from "../../model/task_state.ts";
import type { TaskContents, ThreadContents } from "../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, integers, remoteCall, words } from "./remote.ts";

const SIG_SETMASK = 2;
const SIGTRAP = 5;
const ALL_SIGNALS = 2n ** 64n - 1n;
/** The agent's breakpoints need it. */
const ALL_BUT_TRAP = ALL_SIGNALS ^ 1n << BigInt(SIGTRAP - 1);
const PRIO_PROCESS = 0;
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_SET_SECCOMP = 22;
const PR_CAPBSET_DROP = 24;
const PR_SET_SECUREBITS = 28;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_TIMER_CREATE_RESTORE_IDS = 77;
const SECBIT_NO_SETUID_FIXUP = 1 << 2;
const SECCOMP_MODE_STRICT = 1;
const SECCOMP_SET_MODE_FILTER = 1;
const CAPABILITY_VERSION_3 = 0x2008_0522;
const SIGEVENT_SIZE = 64;

/** What compiling threads has to know besides. */
export interface ThreadContext extends ContentsContext {
  /** Capabilities that a new task has in its bounding set. */
  readonly ownBounding: bigint;
  /** Whether the kernel lets the ids of timers be chosen (Linux 6.16); else they are counted up to. */
  readonly choosesTimerIds: boolean;
}

/**
 * What a thread does last of all. From the first call on, no signal reaches it: those of its timers, and those that it
 * queues for itself, wait until it runs again.
 */
export function compileThread(
  context: ThreadContext,
  thread: ThreadContents,
  { task, isLeader }: { readonly task: TaskContents; readonly isLeader: boolean },
): RemoteCall[] {
  const name = context.nameOf(thread.tid);
  return [
    remoteCall(context, "rt_sigprocmask", [SIG_SETMASK, words(ALL_BUT_TRAP), 0, 8], {
      attempt: `Cannot block signals in ${name}`,
    }),
    ...compileLibraryState(context, thread, name),
    ...compileScheduling(context, thread, name),
    ...isLeader ? compilePosixTimers(context, task, name) : [],
    ...isLeader ? queueSignals(context, task.pendingSignals, { tgid: task.pid, tid: undefined, name }) : [],
    ...queueSignals(context, thread.pendingSignals, { tgid: task.pid, tid: thread.tid, name }),
    ...compileSeccomp(context, thread, name),
    ...thread.credentials === undefined ? [] : compileCredentials(context, thread.credentials, name),
    ...isLeader ? compileDumpable(context, task, name) : [],
    ...compileDeathSignal(context, thread, name),
    ...isLeader ? compileIntervalTimers(context, task, name) : [],
  ];
}

/** What the C library has told the kernel of a thread. */
function compileLibraryState(context: ThreadContext, thread: ThreadContents, name: string): RemoteCall[] {
  const { clearTid, robustList, alternateStack, rseq } = thread;
  const calls = [
    remoteCall(context, "set_tid_address", [clearTid], { attempt: `Cannot set the address of the tid of ${name}` }),
  ];
  if (robustList.length > 0) {
    calls.push(remoteCall(context, "set_robust_list", [robustList.head, robustList.length], {
      attempt: `Cannot set the list of robust futexes of ${name}`,
    }));
  }
  if (alternateStack !== undefined) {
    const { pointer, size, flags } = alternateStack;
    calls.push(remoteCall(context, "sigaltstack", [words(pointer, flags >>> 0, size), 0], {
      attempt: `Cannot set the alternate signal stack of ${name}`,
    }));
  }
  if (rseq !== undefined) {
    calls.push(remoteCall(context, "rseq", [rseq.address, rseq.size, 0, rseq.signature], {
      attempt: `Cannot register restartable sequences of ${name}`,
      hints: { EINVAL: "this kernel does not take their size", ENOSYS: "Linux 4.18 or newer is needed" },
    }));
  }
  return calls;
}

function compileScheduling(context: ThreadContext, { scheduling }: ThreadContents, name: string): RemoteCall[] {
  if (scheduling === undefined) return [];
  const { policy, priority, nice } = scheduling;
  const hints = { EPERM: "that needs CAP_SYS_NICE" };
  const calls = [
    remoteCall(context, "sched_setscheduler", [0, policy, integers(priority)], {
      attempt: `Cannot set the scheduling policy of ${name} to ${policy}`,
      hints,
    }),
  ];
  if (policy !== SCHED_OTHER && policy !== SCHED_BATCH) return calls;
  calls.push(remoteCall(context, "setpriority", [PRIO_PROCESS, 0, nice], {
    attempt: `Cannot set the nice value of ${name} to ${nice}`,
    hints: { ...hints, EACCES: hints.EPERM },
  }));
  return calls;
}

/** Made with their ids, in order; those whose ids are only counted up to are deleted again. */
function compilePosixTimers(context: ThreadContext, { timers }: TaskContents, name: string): RemoteCall[] {
  const { posix } = timers;
  if (posix.length === 0) return [];
  const calls = context.choosesTimerIds ? chosenTimers(context, posix, name) : countedTimers(context, posix, name);
  for (const timer of posix) {
    const [interval, left] = [timer.interval, timer.left];
    calls.push(remoteCall(context, "timer_settime", [timer.id, 0, words(...interval, ...left), 0], {
      attempt: `Cannot start timer ${timer.id} of ${name}`,
    }));
  }
  return calls;
}

function chosenTimers(context: ThreadContext, posix: readonly PosixTimer[], name: string): RemoteCall[] {
  const choose = (on: number) =>
    remoteCall(context, "prctl", [PR_TIMER_CREATE_RESTORE_IDS, on, 0, 0, 0], {
      attempt: `Cannot choose the ids of timers of ${name}`,
    });
  return [choose(1), ...posix.map((timer) => createTimer(context, timer, { id: timer.id, name })), choose(0)];
}

function countedTimers(context: ThreadContext, posix: readonly PosixTimer[], name: string): RemoteCall[] {
  const byId = new Map(posix.map((timer) => [timer.id, timer]));
  const last = posix.at(-1);
  const calls: RemoteCall[] = [];
  for (let id = 0; last !== undefined && id <= last.id; id++) {
    calls.push(createTimer(context, byId.get(id) ?? last, { id, name }));
    if (byId.has(id)) continue;
    calls.push(remoteCall(context, "timer_delete", [id], { attempt: `Cannot pass over timer ${id} of ${name}` }));
  }
  return calls;
}

/** `struct sigevent`: value, signal, kind, thread. The id is both asked for and answered. */
function createTimer(
  context: ThreadContext,
  { clock, value, signal, notify, thread }: PosixTimer,
  { id, name }: { readonly id: number; readonly name: string },
): RemoteCall {
  const event = new Uint8Array(SIGEVENT_SIZE);
  event.set(words(value));
  event.set(integers(signal, notify, thread), 8);
  return remoteCall(context, "timer_create", [clock, event, integers(id)], {
    attempt: `Cannot make timer ${id} of ${name}`,
    hints: { EBUSY: "its id is taken" },
  });
}

function compileIntervalTimers(context: ThreadContext, { timers }: TaskContents, name: string): RemoteCall[] {
  return timers.intervals.flatMap((timer, which) => {
    if (!isRunning(timer)) return [];
    return [remoteCall(context, "setitimer", [which, words(...timer.interval, ...timer.left), 0], {
      attempt: `Cannot start the interval timer ${which} of ${name}`,
    })];
  });
}

function isRunning({ left: [seconds, microseconds] }: IntervalTimer): boolean {
  return seconds !== 0 || microseconds !== 0;
}

/** A signal comes with all that was known of it; to itself, a task may say anything (rt_sigqueueinfo(2)). */
function queueSignals(
  context: ThreadContext,
  signals: readonly Uint8Array[],
  { tgid, tid, name }: { readonly tgid: number; readonly tid: number | undefined; readonly name: string },
): RemoteCall[] {
  return signals.map((siginfo) => {
    const signal = signalOf(siginfo);
    const purpose = {
      attempt: `Cannot queue signal ${signal} of ${name}`,
      hints: { EAGAIN: "RLIMIT_SIGPENDING is too low" },
    };
    if (tid === undefined) return remoteCall(context, "rt_sigqueueinfo", [tgid, signal, siginfo], purpose);
    return remoteCall(context, "rt_tgsigqueueinfo", [tgid, tid, signal, siginfo], purpose);
  });
}

/** `si_signo` of a siginfo_t. */
export function signalOf(siginfo: Uint8Array): number {
  return new DataView(siginfo.buffer, siginfo.byteOffset).getInt32(0, true);
}

/** `struct sock_fprog`: a count of instructions of 8 bytes, and where they are. */
function compileSeccomp(context: ThreadContext, { seccomp }: ThreadContents, name: string): RemoteCall[] {
  const hints = { EACCES: "that needs CAP_SYS_ADMIN", EINVAL: "this kernel does not take the filter" };
  const purpose = { attempt: `Cannot install a seccomp filter in ${name}`, hints };
  if (seccomp === "strict") {
    return [remoteCall(context, "prctl", [PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0], purpose)];
  }
  return seccomp.map(({ program, flags }) => {
    const struct = new Uint8Array(16);
    new DataView(struct.buffer).setUint16(0, program.length / 8, true);
    const pointers = [[8, program]] as const;
    return remoteCall(context, "seccomp", [SECCOMP_SET_MODE_FILTER, flags, { struct, pointers }], purpose);
  });
}

/** In an order in which no step takes away what the next one needs (capabilities(7)). */
function compileCredentials(context: ThreadContext, credentials: Credentials, name: string): RemoteCall[] {
  const purpose = {
    attempt: `Cannot set the credentials of ${name}`,
    hints: { EPERM: "that needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP", EINVAL: "an id is not mapped here" },
  };
  const call = (name: Parameters<typeof remoteCall>[1], ...args: RemoteCall["arguments"]) => (
    remoteCall(context, name, args, purpose)
  );
  const c = credentials;
  return [
    call("setgroups", c.groups.length, integers(...c.groups)),
    // Else capabilities would go with the uid.
    call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0),
    call("setresuid", c.uid, c.effectiveUid, c.savedUid),
    call("setfsuid", c.fsUid),
    call("setresgid", c.gid, c.effectiveGid, c.savedGid),
    call("setfsgid", c.fsGid),
    call("prctl", PR_SET_SECUREBITS, c.secureBits, 0, 0, 0),
    ...bitsOf(context.ownBounding & ~c.bounding).map((bit) => call("prctl", PR_CAPBSET_DROP, bit, 0, 0, 0)),
    call("capset", integers(CAPABILITY_VERSION_3, 0), capabilities(c)),
    ...bitsOf(c.ambient).map((bit) => call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0)),
    ...c.noNewPrivileges ? [call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)] : [],
  ];
}

/** Two of `struct __user_cap_data_struct`: effective, permitted and inheritable, the low words first. */
function capabilities({ effective, permitted, inheritable }: Credentials): Uint8Array {
  const masks = [effective, permitted, inheritable];
  const halves = [0n, 32n].flatMap((shift) => masks.map((mask) => Number(mask >> shift & 0xffff_ffffn)));
  return integers(...halves);
}

function bitsOf(mask: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (mask >> BigInt(bit) & 1n) === 1n);
}

/** A change of credentials takes both away. */
function compileDumpable(context: ThreadContext, { dumpable }: TaskContents, name: string): RemoteCall[] {
  // 2 cannot be asked for: it is what the kernel makes of 0 where core dumps are piped (sysctl fs.suid_dumpable).
  if (dumpable === undefined || dumpable > 1) return [];
  const attempt = `Cannot set whether ${name} may be dumped`;
  return [remoteCall(context, "prctl", [PR_SET_DUMPABLE, dumpable, 0, 0, 0], { attempt })];
}

function compileDeathSignal(context: ThreadContext, { parentDeathSignal }: ThreadContents, name: string): RemoteCall[] {
  if (parentDeathSignal === 0) return [];
  const attempt = `Cannot set the signal for the death of the parent of ${name}`;
  return [remoteCall(context, "prctl", [PR_SET_PDEATHSIG, parentDeathSignal, 0, 0, 0], { attempt })];
}
