import type { Host } from "../../../host/host.ts";
import type { ThreadState } from "../../../model/task_state.ts";
import type { TaskContents } from "../contents_plan.ts";
import { hasOwnIds } from "./plan_credentials.ts";

/** SUID_DUMP_ROOT: core dumps are for root alone. */
const FOR_ROOT = 2;

/** PR_SET_DUMPABLE. Nobody can ask for 2: it comes of a change of users, where fs.suid_dumpable says so. */
export function planDumpable(
  dumpable: number | undefined,
  threads: readonly ThreadState[],
  { own, suidDumpable }: Pick<Host, "own" | "suidDumpable">,
): Pick<TaskContents, "dumpable"> {
  if (dumpable === undefined) return {};
  if (dumpable < FOR_ROOT) return { dumpable };
  const changesIds = threads.some(({ credentials }) => credentials !== undefined && !hasOwnIds(credentials, own));
  return changesIds && suidDumpable === dumpable ? {} : { dumpable: 0 };
}
