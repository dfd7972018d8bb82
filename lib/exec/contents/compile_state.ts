import type { TaskContents } from "../../plan/contents/contents_plan.ts";
import type { SignalAction } from "../../model/task_state.ts";
import { encodeText } from "../../text.ts";
import { cString, type RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "./remote.ts";

const AT_FDCWD = -100;
const O_WRONLY = 1;
const SIGTRAP = 5;
const SIG_DFL = 0n;

/** What a task's threads share besides memory and files; the leader does it, before the threads do theirs. */
export function compileTaskState(context: ContentsContext, task: TaskContents): RemoteCall[] {
  const name = context.nameOf(task.pid);
  return [
    ...task.personality === 0
      ? []
      : [remoteCall(context, "personality", [task.personality], { attempt: `Cannot set the personality of ${name}` })],
    ...task.actions.filter((action) => !isLate(action)).map((action) => compileAction(context, action, name)),
    ...writeProcFile(context, { file: "oom_score_adj", value: task.oomScoreAdjustment, name }),
    ...writeProcFile(context, { file: "loginuid", value: task.loginUid, name }),
    ...compileMembarrier(context, task, name),
  ];
}

/**
 * Whether an action has to wait until the agent has hit its last breakpoint: that would reset an action that ignores
 * the signal.
 */
export function isLate({ signal, handler }: SignalAction): boolean {
  return signal === SIGTRAP && handler !== SIG_DFL;
}

/** `struct sigaction` of the kernel: handler, flags, restorer, mask. */
export function compileAction(context: ContentsContext, action: SignalAction, name: string): RemoteCall {
  const { signal, handler, flags, restorer, mask } = action;
  const attempt = `Cannot set the action of signal ${signal} in ${name}`;
  return remoteCall(context, "rt_sigaction", [signal, words(handler, flags, restorer, mask), 0, 8], { attempt });
}

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

/** The task has no descriptor yet, or has them all: the file is the lowest that is free, and closed again. */
function writeProcFile(
  context: ContentsContext,
  { file, value, name }: { readonly file: string; readonly value: number | undefined; readonly name: string },
): RemoteCall[] {
  if (value === undefined) return [];
  const purpose = { attempt: `Cannot write ${value} to the file "${file}" of ${name}` };
  const text = encodeText(String(value));
  return [
    remoteCall(context, "openat", [AT_FDCWD, cString(`/proc/self/${file}`), O_WRONLY], { ...purpose, expected: 0 }),
    remoteCall(context, "write", [0, text, text.length], purpose),
    remoteCall(context, "close", [0], purpose),
  ];
}

/** One command for each bit (`enum membarrier_cmd`, linux/membarrier.h): MEMBARRIER_CMD_* are the bits themselves. */
function compileMembarrier(context: ContentsContext, { membarrier }: TaskContents, name: string): RemoteCall[] {
  const calls: RemoteCall[] = [];
  for (let bit = 1; bit > 0 && bit <= membarrier; bit *= 2) {
    if ((membarrier & bit) === 0) continue;
    calls.push(remoteCall(context, "membarrier", [bit, 0, 0], {
      attempt: `Cannot register command ${bit} of membarrier in ${name}`,
    }));
  }
  return calls;
}
