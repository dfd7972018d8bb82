import type { SignalAction } from "../../../model/task_state.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall, words } from "../remote.ts";

const SIGTRAP = 5;
const SIGCHLD = 17;
const SIG_DFL = 0n;

/** `struct sigaction` of the kernel: handler, flags, restorer, mask. */
export function compileAction(context: ContentsContext, action: SignalAction, name: string): RemoteCall {
  const { signal, handler, flags, restorer, mask } = action;
  const attempt = `Cannot set the action of signal ${signal} in ${name}`;
  return remoteCall(context, "rt_sigaction", [signal, words(handler, flags, restorer, mask), 0, 8], { attempt });
}

/** Forgets the ends of the children that a restore has needed, and of those that are zombies (`do_sigaction`). */
export function forgetChildren(context: ContentsContext, name: string): RemoteCall {
  return compileAction(context, { signal: SIGCHLD, handler: SIG_DFL, flags: 0n, restorer: 0n, mask: 0n }, name);
}

/**
 * Whether an action has to wait until the agent has hit its last breakpoint: that would reset an action that ignores
 * the signal.
 */
export function isLate({ signal, handler }: SignalAction): boolean {
  return signal === SIGTRAP && handler !== SIG_DFL;
}
