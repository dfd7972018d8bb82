import type { TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "../remote.ts";

/** Limits come last: what a task already had may be more than they allow. */
export function compileLimits(context: ContentsContext, { pid, limits }: TaskContents): RemoteCall[] {
  const name = context.nameOf(pid);
  return limits.map(({ resource, soft, hard }) => (
    remoteCall(context, "prlimit64", [0, resource, words(soft, hard), 0], {
      attempt: `Cannot set the resource limit ${resource} of ${name} to ${soft} and ${hard}`,
      hints: { EPERM: "raising hard limits needs CAP_SYS_RESOURCE" },
    })
  ));
}
