import type { Problem } from "../../../errors.ts";
import type { Host, OwnState } from "../../../host/host.ts";
import { capabilityNames } from "../../../model/capability_names.ts";
import type { Credentials, ThreadState } from "../../../model/task_state.ts";
import type { ThreadContents } from "../contents_plan.ts";

export interface CredentialQuestions {
  /** The thread, for problems. */
  readonly where: string;
  readonly host: Pick<Host, "own" | "capabilities">;
  readonly problems: Problem[];
}

/** What changes credentials takes (capabilities(7)). */
const NEEDED = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] as const;

/** The credentials of a thread, which is born with cgrestore's own. */
export function planCredentials(
  { credentials }: Pick<ThreadState, "credentials">,
  { where, host: { own, capabilities }, problems }: CredentialQuestions,
): Pick<ThreadContents, "credentials" | "changesCredentials"> {
  if (credentials === undefined) return { changesCredentials: false };
  const changesCredentials = !isOwn(credentials, own);
  const tell = (what: string) => problems.push({ where, what });
  const lacking = capabilityNames(neededCapabilities(credentials) & ~(own.permitted & own.bounding));
  if (lacking.length > 0) tell(`it has ${lacking.join(", ")}, which cgrestore itself does not have here`);
  const missing = NEEDED.filter((name) => !capabilities.has(name));
  if (changesCredentials && missing.length > 0) tell(`${missing.join(", ")} are missing, to set its credentials`);
  if (own.noNewPrivileges && !credentials.noNewPrivileges) {
    tell("no_new_privs is set for cgrestore, and would be for it");
  }
  return { credentials, changesCredentials };
}

function neededCapabilities({ permitted, effective, inheritable, ambient, bounding }: Credentials): bigint {
  return permitted | effective | inheritable | ambient | bounding;
}

/** Whether credentials are those that cgrestore's descendants have anyway. */
function isOwn(credentials: Credentials, own: OwnState): boolean {
  return hasOwnIds(credentials, own) &&
    isSameList(credentials.groups.toSorted((a, b) => a - b), own.groups) &&
    credentials.inheritable === own.inheritable && credentials.permitted === own.permitted &&
    credentials.effective === own.effective && credentials.bounding === own.bounding &&
    credentials.ambient === own.ambient && credentials.secureBits === 0 &&
    credentials.noNewPrivileges === own.noNewPrivileges;
}

/** Whether no user or group changes. */
export function hasOwnIds(credentials: Credentials, own: OwnState): boolean {
  const { uid, effectiveUid, savedUid, fsUid, gid, effectiveGid, savedGid, fsGid } = credentials;
  return isSameList([uid, effectiveUid, savedUid, fsUid], own.uids) &&
    isSameList([gid, effectiveGid, savedGid, fsGid], own.gids);
}

function isSameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((number, index) => number === other[index]);
}
