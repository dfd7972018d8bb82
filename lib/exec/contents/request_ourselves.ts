import { SysError } from "../../errors.ts";
import type { Sys } from "../../sys/sys.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";

/**
 * Makes calls that are ours, with the descriptors of the process `pid`, one after the other.
 *
 * @throws {SysError} of the call that failed, told as its purpose; that of pidfd_open(2) and pidfd_getfd(2)
 */
export function requestOurselves(sys: Sys, pid: number, calls: readonly RemoteCall[]): void {
  using stack = new DisposableStack();
  const process = keep(stack, sys, sys.pidfdOpen(pid));
  const copies = new Map<number, number>();
  for (const call of calls) {
    const { fd, request, data } = requestOf(call);
    const copy = copies.get(fd) ?? keep(stack, sys, sys.pidfdGetfd(process, fd));
    copies.set(fd, copy);
    make(call, () => sys.ioctl(copy, request, data));
  }
}

function keep(stack: DisposableStack, sys: Sys, fd: number): number {
  return stack.adopt(fd, () => sys.close(fd));
}

function requestOf({ arguments: [fd, request, data] }: RemoteCall) {
  if (typeof fd === "number" && typeof request === "number" && data instanceof Uint8Array) return { fd, request, data };
  throw new TypeError("Cannot make a request of ours: it is none with bytes");
}

function make({ purpose }: RemoteCall, request: () => number): void {
  try {
    request();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new SysError(purpose.call, error.code, purpose.attempt(), purpose.hint?.(error.code), { cause: error });
  }
}
