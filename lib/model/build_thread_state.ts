import type { Problem } from "../errors.ts";
import type { CoreEntry, TaskCoreEntry, ThreadCoreEntry } from "../gen/core.ts";
import type { CredsEntry } from "../gen/creds.ts";
import type { SeccompFilter as FilterEntry } from "../gen/seccomp.ts";
import { buildRegisters } from "./build_registers.ts";
import { buildSeccomp } from "./build_seccomp.ts";
import { buildPendingSignals } from "./build_task_state.ts";
import type { Credentials, ThreadState } from "./task_state.ts";

const SS_DISABLE = 2;

/** What building the state of a thread has to know. */
export interface ThreadParts {
  readonly tid: number;
  /** The task's part of the leader's image: old dumps have some of this there. */
  readonly leader: TaskCoreEntry;
  /** All of seccomp.img. */
  readonly filters: readonly FilterEntry[];
  readonly problems: Problem[];
}

/** What a thread holds; `undefined`, with the problems told, when the image has no registers of it. */
export function buildThreadState(
  core: CoreEntry,
  { tid, leader, filters, problems }: ThreadParts,
): ThreadState | undefined {
  const { threadInfo, threadCore: thread } = core;
  const where = `core-${tid}.img, entry 0`;
  if (threadInfo === undefined || thread === undefined) {
    const missing = threadInfo === undefined ? "thread_info" : "thread_core";
    problems.push({ where, what: `the field "${missing}" is missing` });
    return undefined;
  }
  const { sas } = thread;
  const hasStack = sas !== undefined && (sas.ssFlags & SS_DISABLE) === 0;
  return {
    registers: buildRegisters(threadInfo, where, problems),
    clearTid: threadInfo.clearTidAddr,
    robustList: { head: thread.futexRla, length: thread.futexRlaLen },
    // The leader's mask is in its part of the task.
    signalMask: core.tc?.blkSigset ?? thread.blkSigset ?? 0n,
    pendingSignals: buildPendingSignals(thread.signalsP, where, problems),
    ...hasStack ? { alternateStack: { pointer: sas.ssSp, size: sas.ssSize, flags: sas.ssFlags } } : {},
    ...buildRseq(thread),
    scheduling: {
      policy: thread.schedPolicy ?? 0,
      priority: thread.schedPrio ?? 0,
      nice: thread.schedNice ?? 0,
    },
    ...thread.creds === undefined ? {} : { credentials: buildCredentials(thread.creds) },
    parentDeathSignal: thread.pdeathSig ?? 0,
    seccomp: buildSeccomp({ thread, leader, filters, where, problems }),
  };
}

function buildRseq({ rseqEntry }: ThreadCoreEntry): Pick<ThreadState, "rseq"> {
  if (rseqEntry === undefined || rseqEntry.rseqAbiPointer === 0n) return {};
  const { rseqAbiPointer: address, rseqAbiSize: size, signature, rseqCsPointer: section = 0n } = rseqEntry;
  return { rseq: { address, size, signature, section } };
}

function buildCredentials(entry: CredsEntry): Credentials {
  return {
    uid: entry.uid,
    gid: entry.gid,
    effectiveUid: entry.euid,
    effectiveGid: entry.egid,
    savedUid: entry.suid,
    savedGid: entry.sgid,
    fsUid: entry.fsuid,
    fsGid: entry.fsgid,
    groups: entry.groups,
    inheritable: maskOf(entry.capInh),
    permitted: maskOf(entry.capPrm),
    effective: maskOf(entry.capEff),
    bounding: maskOf(entry.capBnd),
    ambient: maskOf(entry.capAmb),
    secureBits: entry.secbits,
    noNewPrivileges: (entry.noNewPrivs ?? 0) !== 0,
    ...entry.lsmProfile ? { profile: entry.lsmProfile } : {},
    ...entry.lsmSockcreate ? { socketContext: entry.lsmSockcreate } : {},
  };
}

/** A mask of capabilities of its two words, the low one first. */
function maskOf([low = 0, high = 0]: readonly number[]): bigint {
  return BigInt(high) << 32n | BigInt(low);
}
