import type { PosixTimer } from "../../../model/task_state.ts";
import type { TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, integers, remoteCall, words } from "../remote.ts";

const PR_TIMER_CREATE_RESTORE_IDS = 77;
const SIGEVENT_SIZE = 64;

/** Made with their ids, in order; those whose ids are only counted up to are deleted again. */
export function compilePosixTimers(context: ContentsContext, { timers }: TaskContents, name: string): RemoteCall[] {
  const { posix } = timers;
  if (posix.length === 0) return [];
  const calls = context.choosesTimerIds ? chosenTimers(context, posix, name) : countedTimers(context, posix, name);
  for (const timer of posix) {
    const [interval, left] = [timer.interval, timer.left];
    calls.push(remoteCall(context, "timer_settime", [timer.id, 0, words(...interval, ...left), 0], {
      attempt: `Cannot start timer ${timer.id} of ${name}`,
    }));
  }
  return calls;
}

function chosenTimers(context: ContentsContext, posix: readonly PosixTimer[], name: string): RemoteCall[] {
  const choose = (on: number) =>
    remoteCall(context, "prctl", [PR_TIMER_CREATE_RESTORE_IDS, on, 0, 0, 0], {
      attempt: `Cannot choose the ids of timers of ${name}`,
    });
  return [choose(1), ...posix.map((timer) => createTimer(context, timer, { id: timer.id, name })), choose(0)];
}

function countedTimers(context: ContentsContext, posix: readonly PosixTimer[], name: string): RemoteCall[] {
  const byId = new Map(posix.map((timer) => [timer.id, timer]));
  const last = posix.at(-1);
  const calls: RemoteCall[] = [];
  for (let id = 0; last !== undefined && id <= last.id; id++) {
    calls.push(createTimer(context, byId.get(id) ?? last, { id, name }));
    if (byId.has(id)) continue;
    calls.push(remoteCall(context, "timer_delete", [id], { attempt: `Cannot pass over timer ${id} of ${name}` }));
  }
  return calls;
}

/** `struct sigevent`: value, signal, kind, thread. The id is both asked for and answered. */
function createTimer(
  context: ContentsContext,
  { clock, value, signal, notify, thread }: PosixTimer,
  { id, name }: { readonly id: number; readonly name: string },
): RemoteCall {
  const event = new Uint8Array(SIGEVENT_SIZE);
  event.set(words(value));
  event.set(integers(signal, notify, thread), 8);
  return remoteCall(context, "timer_create", [clock, event, integers(id)], {
    attempt: `Cannot make timer ${id} of ${name}`,
    hints: { EBUSY: "its id is taken" },
  });
}
