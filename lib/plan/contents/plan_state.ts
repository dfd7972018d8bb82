import type { Problem } from "../../errors.ts";
import type { Host, OwnState } from "../../host/host.ts";
import type { Contents } from "../../model/contents.ts";
import type { Credentials, TaskState, ThreadState } from "../../model/task_state.ts";
import type { SeccompStep, TaskContents, ThreadContents } from "./contents_plan.ts";
import { planLimits } from "./state/plan_limits.ts";
import { planTimers } from "./state/plan_timers.ts";

/** The part of a task's contents that is neither memory nor files. */
export type StateOfTask = Omit<
  TaskContents,
  | "pid"
  | "isFiller"
  | "memory"
  | "hugePagesDisabled"
  | "expectedMappings"
  | "executable"
  | "descriptors"
  | "directories"
  | "threads"
>;

/** What planning the state of a task has to know. */
export interface TaskQuestions {
  readonly pid: number;
  readonly contents: Contents;
  readonly host: Host;
  readonly choosesTimerIds: boolean;
  /** Tids of all threads. */
  readonly threads: readonly number[];
  readonly problems: Problem[];
}

/** What cgrestore has itself is inherited, and need not be set. */
export function planTaskState(state: TaskState, questions: TaskQuestions): StateOfTask {
  const { pid, contents, host, choosesTimerIds: choosesIds, threads, problems } = questions;
  const { oomScoreAdjustment, loginUid, memory, timers, pendingSignals } = state;
  const where = `task ${pid}`;
  const ofThreads = threads.flatMap((tid) => contents.threads.get(tid)?.pendingSignals ?? []);
  const queued = pendingSignals.length + ofThreads.length + timers.posix.length;
  const isOwnAdjustment = oomScoreAdjustment === host.own.oomScoreAdjustment;
  return {
    personality: state.personality,
    actions: state.actions,
    ...planLimits(state, { where, queued, host, problems }),
    ...oomScoreAdjustment === undefined || isOwnAdjustment ? {} : { oomScoreAdjustment },
    ...loginUid === undefined ? {} : { loginUid },
    membarrier: state.membarrier,
    timers: planTimers(timers, { where, choosesIds, problems }),
    pendingSignals,
    ...memory.dumpable === undefined ? {} : { dumpable: memory.dumpable },
  };
}

/** What planning the state of a thread has to know. */
export interface ThreadQuestions {
  readonly pid: number;
  readonly tid: number;
  readonly contents: Contents;
  readonly host: Pick<Host, "own" | "components">;
  readonly problems: Problem[];
}

/** The contents of a thread; what cannot be restored of it is told. */
export function planThread(state: ThreadState, questions: ThreadQuestions): ThreadContents {
  const { pid, tid, contents, host: { own, components }, problems } = questions;
  const where = tid === pid ? `task ${pid}` : `thread ${tid} of task ${pid}`;
  const { registers } = state;
  if (registers.isCompat) problems.push({ where, what: "it runs a program of 32 bits, which cannot be restored" });
  if (registers.hasShadowStack) problems.push({ where, what: "it has a shadow stack, which cannot be restored" });
  const lost = registers.floating?.lost ?? [];
  if (lost.length > 0) {
    problems.push({ where, what: `it used state ${lost.join(", ")} of the processor, which the images do not have` });
  }
  for (const number of registers.floating?.components.keys() ?? []) {
    if (components.has(number)) continue;
    problems.push({ where, what: `it used state ${number} of the processor (XSAVE), which this one does not have` });
  }
  const { scheduling, credentials } = state;
  const isOwnScheduling = scheduling.policy === own.policy && scheduling.nice === own.nice && scheduling.policy === 0;
  return {
    tid,
    registers,
    clearTid: state.clearTid,
    robustList: state.robustList,
    signalMask: state.signalMask,
    pendingSignals: state.pendingSignals,
    ...state.alternateStack === undefined ? {} : { alternateStack: state.alternateStack },
    ...state.rseq === undefined ? {} : { rseq: state.rseq },
    ...isOwnScheduling ? {} : { scheduling },
    ...credentials === undefined ? {} : { credentials },
    changesCredentials: credentials !== undefined && !isOwn(credentials, own),
    parentDeathSignal: state.parentDeathSignal,
    seccomp: planSeccomp(state, contents),
  };
}

/** Filters from the oldest to the newest. */
function planSeccomp({ seccomp }: ThreadState, { filters }: Contents): ThreadContents["seccomp"] {
  if (seccomp.mode !== "filter") return seccomp.mode === "strict" ? "strict" : [];
  const steps: SeccompStep[] = [];
  for (let index: number | undefined = seccomp.filter; index !== undefined;) {
    const filter: Contents["filters"][number] | undefined = filters[index];
    if (filter === undefined) break;
    steps.push({ program: filter.program, flags: filter.flags });
    index = filter.previous;
  }
  return steps.reverse();
}

/** Whether credentials are those that cgrestore's descendants have anyway. */
function isOwn(credentials: Credentials, own: OwnState): boolean {
  const { uid, effectiveUid, savedUid, fsUid, gid, effectiveGid, savedGid, fsGid } = credentials;
  const isSameList = (one: readonly number[], other: readonly number[]) => (
    one.length === other.length && one.every((number, index) => number === other[index])
  );
  return isSameList([uid, effectiveUid, savedUid, fsUid], own.uids) &&
    isSameList([gid, effectiveGid, savedGid, fsGid], own.gids) &&
    isSameList(credentials.groups.toSorted((a, b) => a - b), own.groups) &&
    credentials.inheritable === own.inheritable && credentials.permitted === own.permitted &&
    credentials.effective === own.effective && credentials.bounding === own.bounding &&
    credentials.ambient === own.ambient && credentials.secureBits === 0 &&
    credentials.noNewPrivileges === own.noNewPrivileges;
}
