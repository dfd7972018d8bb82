import type { TaskContents } from "../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "./remote.ts";
import { compileActions, forgetChildren, isLate } from "./state/actions.ts";
import { compileMembarrier } from "./state/membarrier.ts";
import { openProfiles } from "./state/profile.ts";
import { writeProcFile } from "./state/proc_file.ts";

/**
 * What a task's threads share besides memory and files; the leader does it, before the threads do theirs.
 *
 * @param hostPid pid on this host of a thread
 */
export function compileTaskState(
  context: ContentsContext,
  task: TaskContents,
  hostPid: (id: number) => number,
): RemoteCall[] {
  const name = context.nameOf(task.pid);
  return [
    ...task.personality === 0
      ? []
      : [remoteCall(context, "personality", [task.personality], { attempt: `Cannot set the personality of ${name}` })],
    forgetChildren(context, name),
    ...compileActions(context, { ...task, actions: task.actions.filter((action) => !isLate(action)) }, name),
    ...writeProcFile(context, { file: "oom_score_adj", value: task.oomScoreAdjustment, name }),
    ...writeProcFile(context, { file: "loginuid", value: task.loginUid, name }),
    ...openProfiles(context, task, hostPid),
    ...compileMembarrier(context, task, name),
  ];
}
