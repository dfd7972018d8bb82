import type { Problem } from "../../../errors.ts";
import type { Host } from "../../../host/host.ts";
import type { SecurityModule } from "../../../model/contents.ts";
import type { ThreadState } from "../../../model/task_state.ts";
import type { PlanOptions } from "../../plan.ts";
import type { ThreadContents } from "../contents_plan.ts";

export interface ProfileQuestions {
  /** The thread, for problems. */
  readonly where: string;
  /** What its profile is one of. */
  readonly securityModule: SecurityModule;
  readonly host: Pick<Host, "appArmor">;
  /** Absent: its own. */
  readonly chosen: PlanOptions["profile"];
  readonly problems: Problem[];
}

const UNCONFINED = "unconfined";
const WITHOUT = '"--lsm-profile none" restores without';

/** The profile of a thread, which is born with cgrestore's own. */
export function planProfile(
  { credentials }: Pick<ThreadState, "credentials">,
  questions: ProfileQuestions,
): Pick<ThreadContents, "profile"> {
  const { where, securityModule, host: { appArmor }, chosen, problems } = questions;
  if (chosen === "none") return {};
  if (securityModule !== "apparmor") {
    const profile = credentials?.profile ?? credentials?.socketContext;
    const of = securityModule === "selinux" ? "the context" : "the profile";
    if (profile !== undefined) {
      problems.push({
        where,
        what: `it has ${of} "${profile}" of ${MODULES[securityModule]}, which cannot be restored; ${WITHOUT}`,
      });
    }
    return {};
  }
  // Whom nothing confines gets no other profile either.
  const own = credentials?.profile;
  const name = own === undefined ? UNCONFINED : chosen?.appArmor ?? own;
  if (name === (appArmor?.ownProfile ?? UNCONFINED)) return {};
  const problem = findProblem(name, appArmor);
  if (problem !== undefined) problems.push({ where, what: problem });
  return { profile: name };
}

const MODULES = { none: "an unknown security module", selinux: "SELinux" } as const;

/** Why a task that has cgrestore's own profile cannot get another one. */
function findProblem(name: string, appArmor: Host["appArmor"]): string | undefined {
  if (appArmor === undefined) {
    return `it has the profile "${name}" of AppArmor, which is not in force here (Linux 5.8 or newer); ${WITHOUT}`;
  }
  if (name === UNCONFINED) {
    return `nothing confined it, and cgrestore itself is under the profile "${appArmor.ownProfile}"; ${WITHOUT}`;
  }
  const parts = name.split("//&");
  if (parts.some((part) => part.startsWith(":"))) {
    return `its profile "${name}" is in a namespace of AppArmor, which cannot be restored; ${WITHOUT}`;
  }
  const { loadedProfiles } = appArmor;
  const missing = parts.filter((part) => part !== UNCONFINED && loadedProfiles?.has(part) === false);
  if (missing.length === 0) return undefined;
  return `its profile "${missing.join('", "')}" of AppArmor is not loaded here: load it with apparmor_parser, or ` +
    `choose another one, "--lsm-profile apparmor:NAME"; ${WITHOUT}`;
}
