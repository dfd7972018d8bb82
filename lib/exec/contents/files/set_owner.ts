import type { HiddenAsyncStep, OwnerStep } from "../../../plan/contents/plan_owners.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, integers, type Purpose, remoteCall } from "../remote.ts";
import type { FilesContext } from "./file_calls.ts";
import { PR_SET_DUMPABLE } from "../../../sys/constants.ts";

const F_SETFL = 4;
const F_SETSIG = 10;
const F_SETOWN_EX = 15;
const F_OWNER_PGRP = 2;
const PR_SET_SECUREBITS = 28;
const SECBIT_NO_SETUID_FIXUP = 1 << 2;
const KEEP = -1;

/** The kernel takes down who sets the owner: so the coordinator is that one for a moment. */
export function setOwner(context: FilesContext, { handle, owner, ownUids, what }: OwnerStep): RemoteCall[] {
  const fd = descriptorOf(context, handle);
  const { kind, pid, signal, uid, effectiveUid } = owner;
  const purpose = {
    attempt: `Cannot set who is signalled by ${what}`,
    hints: { ESRCH: `process ${pid} has ended meanwhile`, EPERM: "that needs CAP_SETUID and CAP_SETPCAP" },
  };
  const setSignal = remoteCall(context, "fcntl", [fd, F_SETSIG, signal], purpose);
  const target = pid === 0 ? 0 : kind === F_OWNER_PGRP ? context.groupOf(pid) : context.pidOf(pid);
  const setPid = remoteCall(context, "fcntl", [fd, F_SETOWN_EX, integers(kind, target)], purpose);
  return [
    ...signal === 0 ? [] : [setSignal],
    ...pid === 0 ? [] : asUser(context, { uids: [uid, effectiveUid], ownUids, purpose }, setPid),
  ];
}

/** Makes a call with other uids, and without losing capabilities by that. */
function asUser(
  context: FilesContext,
  { uids, ownUids, purpose }: {
    readonly uids: readonly [real: number, effective: number];
    readonly ownUids: readonly [real: number, effective: number];
    readonly purpose: Purpose;
  },
  call: RemoteCall,
): RemoteCall[] {
  if (uids[0] === ownUids[0] && uids[1] === ownUids[1]) return [call];
  return [
    remoteCall(context, "prctl", [PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0], purpose),
    remoteCall(context, "setresuid", [...uids, KEEP], purpose),
    call,
    remoteCall(context, "setresuid", [...ownUids, KEEP], purpose),
    // That has made the coordinator's files in /proc somebody else's.
    remoteCall(context, "prctl", [PR_SET_DUMPABLE, 1, 0, 0, 0], purpose),
  ];
}

export function setAsync(context: FilesContext, { handle, flags, what }: HiddenAsyncStep): RemoteCall[] {
  const attempt = `Cannot make ${what} signal`;
  return [remoteCall(context, "fcntl", [descriptorOf(context, handle), F_SETFL, flags], { attempt })];
}
