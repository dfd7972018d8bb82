import { PROT_READ, PROT_WRITE } from "../../../sys/constants.ts";
import type { TaskContents } from "../../../plan/contents/contents_plan.ts";
import type { SignalAction } from "../../../model/task_state.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { write } from "../compile_memory.ts";
import { type ContentsContext, integers, remoteCall, words } from "../remote.ts";

const SIGTRAP = 5;
const SIGCHLD = 17;
const SIG_DFL = 0n;
const PAGE = 4096;
/** MAP_PRIVATE, MAP_ANONYMOUS and MAP_FIXED_NOREPLACE. */
const MAP_LOW = 0x10_0022;
/** Of `struct compat_sigaction`: handler, flags, restorer and two halves of the mask. */
const COMPAT_SIZE = 20;

/**
 * What sets actions of a task, some or all of them: through which call is how the kernel knows which code it will call
 * (`sigaction_compat_abi`, arch/x86/kernel/signal_compat.c).
 */
export function compileActions(
  context: ContentsContext,
  { pid, actions, lowPage }: Pick<TaskContents, "pid" | "actions" | "lowPage">,
  name: string,
): RemoteCall[] {
  const native = actions.filter(({ isCompat }) => !isCompat).map((action) => compileAction(context, action, name));
  const compat = actions.filter(({ isCompat }) => isCompat);
  // A plan has it whenever there are some.
  if (compat.length === 0 || lowPage === undefined) return native;
  const attempt = `Cannot set the signal actions of ${name}`;
  const bytes = new Uint8Array(new ArrayBuffer(compat.length * COMPAT_SIZE));
  compat.forEach((action, index) => bytes.set(compatAction(action), index * COMPAT_SIZE));
  return [
    ...native,
    remoteCall(context, "mmap", [lowPage, PAGE, PROT_READ | PROT_WRITE, MAP_LOW, -1, 0], {
      attempt,
      expected: lowPage,
    }),
    write({ ...context, pid }, { start: lowPage, bytes }),
    ...compat.map(({ signal }, index) => (
      remoteCall(context, "compat_rt_sigaction", [signal, lowPage + index * COMPAT_SIZE, 0, 8], {
        attempt: attemptFor(signal, name),
      })
    )),
    remoteCall(context, "munmap", [lowPage, PAGE], { attempt }),
  ];
}

function attemptFor(signal: number, name: string): string {
  return `Cannot set the action of signal ${signal} in ${name}`;
}

/** `struct sigaction` of the kernel: handler, flags, restorer, mask. */
function compileAction(
  context: ContentsContext,
  { signal, handler, flags, restorer, mask }: SignalAction,
  name: string,
): RemoteCall {
  const attempt = attemptFor(signal, name);
  return remoteCall(context, "rt_sigaction", [signal, words(handler, flags, restorer, mask), 0, 8], { attempt });
}

function compatAction({ handler, flags, restorer, mask }: SignalAction): Uint8Array {
  return integers(...[handler, flags, restorer, mask, mask >> 32n].map((word) => Number(BigInt.asIntN(32, word))));
}

/** Forgets the ends of the children that a restore has needed, and of those that are zombies (`do_sigaction`). */
export function forgetChildren(context: ContentsContext, name: string): RemoteCall {
  const action = { signal: SIGCHLD, isCompat: false, handler: SIG_DFL, flags: 0n, restorer: 0n, mask: 0n };
  return compileAction(context, action, name);
}

/**
 * Whether an action has to wait until the agent has hit its last breakpoint: that would reset an action that ignores
 * the signal.
 */
export function isLate({ signal, handler }: SignalAction): boolean {
  return signal === SIGTRAP && handler !== SIG_DFL;
}
