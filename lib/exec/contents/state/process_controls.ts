import type { TaskContents, ThreadContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";
import { PR_SET_DUMPABLE } from "../../../sys/constants.ts";

const PR_SET_PDEATHSIG = 1;

/** A change of credentials takes both away. */
export function compileDumpable(context: ContentsContext, { dumpable }: TaskContents, name: string): RemoteCall[] {
  if (dumpable === undefined) return [];
  const attempt = `Cannot set whether ${name} may be dumped`;
  return [remoteCall(context, "prctl", [PR_SET_DUMPABLE, dumpable, 0, 0, 0], { attempt })];
}

export function compileDeathSignal(
  context: ContentsContext,
  { parentDeathSignal }: ThreadContents,
  name: string,
): RemoteCall[] {
  if (parentDeathSignal === 0) return [];
  const attempt = `Cannot set the signal for the death of the parent of ${name}`;
  return [remoteCall(context, "prctl", [PR_SET_PDEATHSIG, parentDeathSignal, 0, 0, 0], { attempt })];
}
