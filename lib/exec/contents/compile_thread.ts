import type { TaskContents, ThreadContents } from "../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { ContentsContext } from "./remote.ts";
import { compileCredentials, compileNoNewPrivileges } from "./state/credentials.ts";
import { compileIntervalTimers } from "./state/interval_timers.ts";
import { compileLibraryState } from "./state/library_state.ts";
import { queueSignals } from "./state/pending_signals.ts";
import { compilePosixTimers } from "./state/posix_timers.ts";
import { compileDeathSignal, compileDumpable } from "./state/process_controls.ts";
import { compileProfile } from "./state/profile.ts";
import { compileScheduling } from "./state/scheduling.ts";
import { compileSeccomp } from "./state/seccomp.ts";

/**
 * What a thread does last of all. Signals are blocked: those of its timers, and those that it queues for itself, wait
 * until it runs again.
 */
export function compileThread(
  context: ContentsContext,
  thread: ThreadContents,
  { task, isLeader }: { readonly task: TaskContents; readonly isLeader: boolean },
): RemoteCall[] {
  const name = context.nameOf(thread.tid);
  return [
    ...compileLibraryState(context, thread, name),
    ...compileScheduling(context, thread, name),
    ...isLeader ? compilePosixTimers(context, task, name) : [],
    ...isLeader ? queueSignals(context, task.pendingSignals, { tgid: task.pid, tid: undefined, name }) : [],
    ...queueSignals(context, thread.pendingSignals, { tgid: task.pid, tid: thread.tid, name }),
    ...compileSeccomp(context, thread, name),
    ...compileCredentials(context, thread, name),
    ...compileProfile(context, thread, name),
    ...compileNoNewPrivileges(context, thread, name),
    ...isLeader || thread.changesCredentials ? compileDumpable(context, task, name) : [],
    ...compileDeathSignal(context, thread, name),
    ...isLeader ? compileIntervalTimers(context, task, name) : [],
  ];
}
