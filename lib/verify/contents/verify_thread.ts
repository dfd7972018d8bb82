import { nameOfProfile } from "../../host/describe_app_armor.ts";
import { parseStatus, type ProcStatus } from "../../host/parse_status.ts";
import { outsideId } from "../../model/id_ranges.ts";
import type { UserNamespace } from "../../model/namespaces.ts";
import { signalOf } from "../../model/siginfo.ts";
import type { Credentials, SignalAction } from "../../model/task_state.ts";
import type { TaskContents, ThreadContents } from "../../plan/contents/contents_plan.ts";

const SIG_IGN = 1n;
const SECCOMP_MODES = { disabled: 0, strict: 1, filter: 2 } as const;

/** How credentials and signals of a thread, as `/proc/PID/task/TID/status` tells them, differ from what they should be. */
export function compareThread(task: TaskContents, thread: ThreadContents, text: string): string[] {
  const status = parseStatus(text);
  return [
    ...compareSignals(task, thread, status),
    ...thread.credentials === undefined ? [] : compareCredentials(thread.credentials, status),
    ...compareSeccomp(thread, status),
  ];
}

/** A thread with the ids that it has for us, who are outside of its user namespace. */
export function withOutsideIds(thread: ThreadContents, user: UserNamespace | undefined): ThreadContents {
  const { credentials: c } = thread;
  if (user === undefined || c === undefined) return thread;
  const uid = (id: number) => outsideId(user.uids, id) ?? id;
  const gid = (id: number) => outsideId(user.gids, id) ?? id;
  const uids = { uid: uid(c.uid), effectiveUid: uid(c.effectiveUid), savedUid: uid(c.savedUid), fsUid: uid(c.fsUid) };
  const gids = { gid: gid(c.gid), effectiveGid: gid(c.effectiveGid), savedGid: gid(c.savedGid), fsGid: gid(c.fsGid) };
  return { ...thread, credentials: { ...c, ...uids, ...gids, groups: c.groups.map(gid) } };
}

/** The same for the profile of AppArmor. */
export function compareProfile({ profile }: ThreadContents, read: () => string): string[] {
  return profile === undefined ? [] : difference("its profile", profile, nameOfProfile(read()));
}

/** Kernels before 5.9 do not tell how many filters there are. */
function compareSeccomp({ expectedSeccomp: { mode, filters } }: ThreadContents, status: ProcStatus): string[] {
  const [count = String(filters)] = status.words("Seccomp_filters");
  return [
    ...difference("the mode of seccomp", String(SECCOMP_MODES[mode]), status.words("Seccomp").join()),
    ...difference("the number of its seccomp filters", String(filters), count),
  ];
}

function compareSignals(task: TaskContents, thread: ThreadContents, status: ProcStatus): string[] {
  const ignored = maskOf(task.actions.filter(({ handler }) => handler === SIG_IGN));
  const caught = maskOf(task.actions.filter(({ handler }) => handler > SIG_IGN));
  return [
    ...differentMasks("blocked signals", thread.signalMask, status.mask("SigBlk")),
    ...differentMasks("ignored signals", ignored, status.mask("SigIgn")),
    ...differentMasks("caught signals", caught, status.mask("SigCgt")),
    ...missingSignals("pending signals", thread.pendingSignals, status.mask("SigPnd")),
    ...missingSignals("pending signals of the task", task.pendingSignals, status.mask("ShdPnd")),
  ];
}

function maskOf(actions: readonly SignalAction[]): bigint {
  return actions.reduce((mask, { signal }) => mask | 1n << BigInt(signal - 1), 0n);
}

/** More may be pending by now: a timer has run out, somebody has sent one. */
function missingSignals(what: string, expected: readonly Uint8Array[], actual: bigint): string[] {
  const mask = expected.reduce((sum, siginfo) => sum | 1n << BigInt(signalOf(siginfo) - 1), 0n);
  return differentMasks(what, mask, actual & mask);
}

function compareCredentials(credentials: Credentials, status: ProcStatus): string[] {
  const { uid, effectiveUid, savedUid, fsUid, gid, effectiveGid, savedGid, fsGid } = credentials;
  const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b).join(" ");
  return [
    ...difference("its uids", [uid, effectiveUid, savedUid, fsUid].join(" "), status.words("Uid").join(" ")),
    ...difference("its gids", [gid, effectiveGid, savedGid, fsGid].join(" "), status.words("Gid").join(" ")),
    ...difference("its groups", sorted(credentials.groups), sorted(status.words("Groups").map(Number))),
    ...differentMasks("inheritable capabilities", credentials.inheritable, status.mask("CapInh")),
    ...differentMasks("permitted capabilities", credentials.permitted, status.mask("CapPrm")),
    ...differentMasks("effective capabilities", credentials.effective, status.mask("CapEff")),
    ...differentMasks("bounding capabilities", credentials.bounding, status.mask("CapBnd")),
    ...differentMasks("ambient capabilities", credentials.ambient, status.mask("CapAmb")),
    ...difference("no_new_privs", credentials.noNewPrivileges ? "1" : "0", status.words("NoNewPrivs").join()),
  ];
}

function differentMasks(what: string, expected: bigint, actual: bigint): string[] {
  return expected === actual ? [] : [`${what} are ${actual.toString(16)}, and should be ${expected.toString(16)}`];
}

function difference(what: string, expected: string, actual: string): string[] {
  return expected === actual ? [] : [`${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`];
}
