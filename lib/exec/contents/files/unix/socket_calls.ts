import { type ContentsContext, type Purpose, remoteCall } from "../../remote.ts";
import type { RemoteCall } from "../../../../tracee/remote_call.ts";

const AF_UNIX = 1;
export const SOCK_NONBLOCK = 0o4000;

/** A call about a socket of the process that makes it. */
export interface SocketCall {
  readonly fd: number;
  /** For messages: `"unix socket 7"`. */
  readonly what: string;
}

/** Nothing blocks: sockets get the flags that they had in the end. */
export function socket(
  context: ContentsContext,
  { fd, type, what }: SocketCall & { readonly type: number },
): RemoteCall {
  const purpose = { attempt: `Cannot make ${what}`, expected: fd };
  return remoteCall(context, "socket", [AF_UNIX, type | SOCK_NONBLOCK, 0], purpose);
}

/** Makes two sockets at the lowest descriptors that are free. */
export function pair(
  context: ContentsContext,
  { type, what }: { readonly type: number; readonly what: string },
): RemoteCall {
  const output = new Uint8Array(8);
  return remoteCall(context, "socketpair", [AF_UNIX, type | SOCK_NONBLOCK, 0, { output }], {
    attempt: `Cannot make ${what}`,
  });
}

export function listen(
  context: ContentsContext,
  { fd, what, backlog }: SocketCall & { readonly backlog: number },
): RemoteCall {
  return remoteCall(context, "listen", [fd, backlog], { attempt: `Cannot listen at ${what}` });
}

const CONNECT_HINTS = {
  EAGAIN: "its backlog is full: see the sysctl net.core.somaxconn",
  ECONNREFUSED: "nobody answers there any more",
  EPROTOTYPE: "the socket there is of another type",
  EPERM: "the socket there is connected to another one",
};

export function connect(
  context: ContentsContext,
  { fd, what, address }: SocketCall & { readonly address: Uint8Array },
): RemoteCall {
  const purpose: Purpose = { attempt: `Cannot connect ${what}`, hints: CONNECT_HINTS };
  return remoteCall(context, "connect", [fd, address, address.length], purpose);
}
