import type { Problem } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { Contents, SecurityModule } from "../../model/contents.ts";
import type { TaskState, ThreadState } from "../../model/task_state.ts";
import type { PlanOptions } from "../plan.ts";
import type { TaskContents, ThreadContents } from "./contents_plan.ts";
import { PROTECTION_KEYS } from "./memory/protection_keys.ts";
import { planCredentials } from "./state/plan_credentials.ts";
import { planDumpable } from "./state/plan_dumpable.ts";
import { planProfile } from "./state/plan_profile.ts";
import { planLimits } from "./state/plan_limits.ts";
import { planScheduling } from "./state/plan_scheduling.ts";
import { planSeccomp } from "./state/plan_seccomp.ts";
import { planTimers } from "./state/plan_timers.ts";

/** The part of a task's contents that is neither memory nor files. */
export type StateOfTask = Omit<
  TaskContents,
  | "pid"
  | "isFiller"
  | "memory"
  | "hugePagesDisabled"
  | "rings"
  | "expectedMappings"
  | "links"
  | "descriptors"
  | "descriptorActions"
  | "expectedLocks"
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
  const states = threads.flatMap((tid) => contents.threads.get(tid) ?? []);
  const queued = pendingSignals.length + states.flatMap((thread) => thread.pendingSignals).length + timers.posix.length;
  const isOwnAdjustment = oomScoreAdjustment === host.own.oomScoreAdjustment;
  return {
    personality: state.personality,
    actions: state.actions,
    ...planLimits(state, { where, queued, host, problems }),
    ...oomScoreAdjustment === undefined || isOwnAdjustment ? {} : { oomScoreAdjustment },
    ...planLoginUid(loginUid, { where, host, problems }),
    membarrier: state.membarrier,
    timers: planTimers(timers, { where, choosesIds, problems }),
    pendingSignals,
    ...planDumpable(memory.dumpable, states, host),
  };
}

/** (uid_t) -1 */
const NO_UID = 0xffff_ffff;

function planLoginUid(
  loginUid: number | undefined,
  { where, host: { own }, problems }: { readonly where: string; readonly host: Host; readonly problems: Problem[] },
): Pick<TaskContents, "loginUid"> {
  if (loginUid === undefined || loginUid === (own.loginUid ?? NO_UID)) return {};
  if (own.loginUid === undefined) {
    problems.push({ where, what: `its login uid is ${loginUid}, which this kernel does not keep (CONFIG_AUDIT)` });
  }
  return { loginUid };
}

/** What planning the state of a thread has to know. */
export interface ThreadQuestions {
  readonly pid: number;
  readonly tid: number;
  readonly host: Host;
  readonly securityModule: SecurityModule;
  readonly chosenProfile: PlanOptions["profile"];
  readonly problems: Problem[];
}

/** The contents of a thread; what cannot be restored of it is told. */
export function planThread(state: ThreadState, questions: ThreadQuestions): ThreadContents {
  const { pid, tid, host, securityModule, chosenProfile: chosen, problems } = questions;
  const { own, components } = host;
  const where = tid === pid ? `task ${pid}` : `thread ${tid} of task ${pid}`;
  const { registers } = state;
  if (registers.isCompat) problems.push({ where, what: "it runs a program of 32 bits, which cannot be restored" });
  if (registers.hasShadowStack) problems.push({ where, what: "it has a shadow stack, which cannot be restored" });
  const lost = registers.floating?.lost ?? [];
  if (lost.length > 0) {
    problems.push({ where, what: `it used state ${lost.join(", ")} of the processor, which the images do not have` });
  }
  for (const number of registers.floating?.components.keys() ?? []) {
    if (components.has(number) || number === PROTECTION_KEYS) continue;
    problems.push({ where, what: `it used state ${number} of the processor (XSAVE), which this one does not have` });
  }
  return {
    tid,
    registers,
    clearTid: state.clearTid,
    robustList: state.robustList,
    signalMask: state.signalMask,
    pendingSignals: state.pendingSignals,
    ...state.alternateStack === undefined ? {} : { alternateStack: state.alternateStack },
    ...state.rseq === undefined ? {} : { rseq: state.rseq },
    ...planScheduling(state, { where, own, problems }),
    ...planCredentials(state, { where, host, problems }),
    ...planProfile(state, { where, securityModule, host, chosen, problems }),
    parentDeathSignal: state.parentDeathSignal,
    ...planSeccomp(state.seccomp, { where, isLeader: tid === pid, problems }),
  };
}
