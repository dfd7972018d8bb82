import type { LimitStep, TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "../remote.ts";

/** Those that the tasks are born with, of the caller or the process `of`. */
export function compileOwnLimits(context: ContentsContext, steps: readonly LimitStep[], of = 0): RemoteCall[] {
  return steps.map((step) => setLimit(context, { of, name: "the coordinator" }, step));
}

/** Limits come late: what a task already had may be more than they allow. */
export function compileLimits(context: ContentsContext, { pid, limits }: TaskContents): RemoteCall[] {
  return limits.map((step) => setLimit(context, { of: 0, name: context.nameOf(pid) }, step));
}

/** Limits that another process sets, the coordinator, which knows the task as `hostPid`. */
export function compileLastLimits(
  context: ContentsContext,
  { pid, lastLimits }: TaskContents,
  hostPid: number,
): RemoteCall[] {
  return lastLimits.map((step) => setLimit(context, { of: hostPid, name: context.nameOf(pid) }, step));
}

function setLimit(
  context: ContentsContext,
  { of, name }: { readonly of: number; readonly name: string },
  { resource, soft, hard }: LimitStep,
): RemoteCall {
  return remoteCall(context, "prlimit64", [of, resource, words(soft, hard), 0], {
    attempt: `Cannot set the resource limit ${resource} of ${name} to ${soft} and ${hard}`,
    hints: { EPERM: "raising hard limits needs CAP_SYS_RESOURCE" },
  });
}
