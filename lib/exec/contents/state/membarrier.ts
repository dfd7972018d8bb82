import type { TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";

/** One command for each bit (`enum membarrier_cmd`, linux/membarrier.h): MEMBARRIER_CMD_* are the bits themselves. */
export function compileMembarrier(context: ContentsContext, { membarrier }: TaskContents, name: string): RemoteCall[] {
  const calls: RemoteCall[] = [];
  for (let bit = 1; bit > 0 && bit <= membarrier; bit *= 2) {
    if ((membarrier & bit) === 0) continue;
    calls.push(remoteCall(context, "membarrier", [bit, 0, 0], {
      attempt: `Cannot register command ${bit} of membarrier in ${name}`,
    }));
  }
  return calls;
}
