import type { Problem } from "../errors.ts";
import type { CoreEntry, TaskCoreEntry } from "../gen/core.ts";
import type { FsEntry } from "../gen/fs.ts";
import type { SaEntry, SignalQueueEntry } from "../gen/signals.ts";
import type { TaskKobjIdsEntry } from "../gen/task_kobj_ids.ts";
import type { ItimerEntry, PosixTimerEntry, TaskTimersEntry } from "../gen/timers.ts";
import type { AddressSpace } from "./address_space.ts";
import type { Directories, IntervalTimer, Limit, PosixTimer, SignalAction, TaskState, Timers } from "./task_state.ts";

/** Signals without an action of their own; the others' are in the image one after the other. */
const WITHOUT_ACTION: ReadonlySet<number> = new Set([9, 19]);

/** RLIM_NLIMITS */
const RESOURCES = 16;

/** `sizeof(siginfo_t)` */
const SIGINFO_SIZE = 128;

/** The parts of a task, from their own images. */
export interface TaskParts {
  readonly pid: number;
  readonly core: CoreEntry;
  readonly ids: TaskKobjIdsEntry;
  readonly fs: FsEntry;
  readonly memory: AddressSpace;
  readonly problems: Problem[];
}

/** What a task holds, as its threads share it; `tc` is its part of the leader's core image. */
export function buildTaskState(tc: TaskCoreEntry, parts: TaskParts): TaskState {
  const where = `core-${parts.pid}.img, entry 0`;
  return {
    memory: parts.memory,
    table: parts.ids.filesId,
    objects: { memory: parts.ids.vmId, actions: parts.ids.sighandId },
    directories: buildDirectories(parts),
    personality: buildPersonality(tc.personality),
    actions: buildActions(tc.sigactions),
    limits: buildLimits(tc, where, parts.problems),
    timers: buildTimers(tc.timers),
    pendingSignals: buildPendingSignals(tc.signalsS, where, parts.problems),
    ...tc.oomScoreAdj === undefined ? {} : { oomScoreAdjustment: tc.oomScoreAdj },
    ...tc.loginuid === undefined ? {} : { loginUid: tc.loginuid },
    membarrier: tc.membarrierRegistrationMask ?? 0,
  };
}

/** CRIU reads the hexadecimal number of /proc/PID/personality as a decimal one (`get_task_personality`). */
function buildPersonality(decimal: number): number {
  return parseInt(String(decimal), 16);
}

function buildLimits({ rlimits: entry }: TaskCoreEntry, where: string, problems: Problem[]): Limit[] {
  const limits = (entry?.rlimits ?? []).map(({ cur, max }): Limit => ({ soft: cur, hard: max }));
  if (limits.length > RESOURCES) {
    problems.push({ where, what: `there are ${limits.length} resource limits, not ${RESOURCES}` });
  }
  limits.forEach(({ soft, hard }, resource) => {
    if (soft > hard) problems.push({ where, what: `resource limit ${resource} is ${soft}, above its maximum ${hard}` });
  });
  return limits;
}

function buildDirectories({ fs, ids }: TaskParts): Directories {
  return { working: fs.cwdId, root: fs.rootId, umask: fs.umask ?? 0o022, id: ids.fsId };
}

function buildActions(entries: readonly SaEntry[]): SignalAction[] {
  const actions: SignalAction[] = [];
  let signal = 0;
  for (const { sigaction: handler, flags, restorer, mask, compatSigaction: isCompat = false } of entries) {
    do signal++; while (WITHOUT_ACTION.has(signal));
    if (handler !== 0n || flags !== 0n || restorer !== 0n || mask !== 0n) {
      actions.push({ signal, isCompat, handler, flags, restorer, mask });
    }
  }
  return actions;
}

/** The queue of signals of a task or a thread; the number of each is the first word of its siginfo_t. */
export function buildPendingSignals(
  queue: SignalQueueEntry | undefined,
  where: string,
  problems: Problem[],
): Uint8Array[] {
  return (queue?.signals ?? []).map(({ siginfo }) => {
    if (siginfo.length === SIGINFO_SIZE) return siginfo;
    problems.push({ where, what: `a pending signal has ${siginfo.length} bytes, ${SIGINFO_SIZE} are needed` });
    return new Uint8Array(SIGINFO_SIZE);
  });
}

const IDLE: IntervalTimer = { interval: [0, 0], left: [0, 0] };

function buildTimers(entry: TaskTimersEntry | undefined): Timers {
  if (entry === undefined) return { intervals: [IDLE, IDLE, IDLE], posix: [] };
  return {
    intervals: [buildInterval(entry.real), buildInterval(entry.virt), buildInterval(entry.prof)],
    posix: entry.posix.map(buildPosixTimer).sort((a, b) => a.id - b.id),
  };
}

function buildInterval({ isec, iusec, vsec, vusec }: ItimerEntry): IntervalTimer {
  return { interval: [isec, iusec], left: [vsec, vusec] };
}

function buildPosixTimer(entry: PosixTimerEntry): PosixTimer {
  return {
    id: entry.itId,
    clock: entry.clockId,
    signal: entry.siSigno,
    notify: entry.itSigevNotify,
    value: entry.sivalPtr,
    overrun: entry.overrun,
    interval: [entry.isec, entry.insec],
    left: [entry.vsec, entry.vnsec],
    thread: entry.notifyThreadId ?? 0,
  };
}
