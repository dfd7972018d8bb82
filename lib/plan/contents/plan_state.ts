import type { Problem } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { Contents, SecurityModule } from "../../model/contents.ts";
import type { TaskState, ThreadState } from "../../model/task_state.ts";
import type { PlanOptions } from "../plan.ts";
import type { TaskContents, ThreadContents } from "./contents_plan.ts";
import { findLowAddresses } from "./memory/free_addresses.ts";
import { checkRegisters } from "./state/check_registers.ts";
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
    ...planLowPage(state, where, problems),
    ...planLimits(state, { where, queued, host, problems }),
    ...oomScoreAdjustment === undefined || isOwnAdjustment ? {} : { oomScoreAdjustment },
    ...planLoginUid(loginUid, { where, host, problems }),
    membarrier: state.membarrier,
    timers: planTimers(timers, { where, choosesIds, problems }),
    pendingSignals,
    ...planDumpable(memory.dumpable, states, host),
  };
}

/** Code of 32 bits has actions that have to be set by such a call. */
function planLowPage(
  { actions, memory }: TaskState,
  where: string,
  problems: Problem[],
): Pick<TaskContents, "lowPage"> {
  if (!actions.some(({ isCompat }) => isCompat)) return {};
  const low = findLowAddresses(memory);
  if (low !== undefined) return { lowPage: low.page };
  problems.push({ where, what: "no addresses below 4 GiB are free, which setting its signal actions needs" });
  return {};
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
  const { own } = host;
  const where = tid === pid ? `task ${pid}` : `thread ${tid} of task ${pid}`;
  const { registers } = state;
  checkRegisters(registers, { where, host, problems });
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
