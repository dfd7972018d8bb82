import type {
  AcceptSocket,
  ConnectSocket,
  PairSockets,
  SettleSocket,
  ShutDownSocket,
  UnixStep,
} from "../../../../plan/contents/files/unix/unix_step.ts";
import type { RemoteCall } from "../../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall } from "../../remote.ts";
import { close, create, duplicate, type FilesContext } from "../file_calls.ts";
import { compileReuse, compileSocketOptions } from "../socket_options.ts";
import { bindSocket } from "./bind_unix_socket.ts";
import { sendPackets } from "./send_packets.ts";
import { connect, listen, pair, SOCK_NONBLOCK, socket } from "./socket_calls.ts";
import { encodeAddress, encodeNobody } from "./unix_address.ts";

const O_ASYNC = 0o20000;
const F_SETFL = 4;

/** An action with what it is done to, for messages. */
export type Named<Action> = Action & Pick<UnixStep, "what">;

/** What the coordinator does for a step. */
export function compileUnixAction(context: FilesContext, { what, action }: UnixStep): RemoteCall[] {
  switch (action.kind) {
    case "make":
      return create(context, action.handle, (fd) => [socket(context, { fd, what, type: action.type })]);
    case "pair":
      return pairSockets(context, { ...action, what });
    case "bind":
      return bindSocket(context, { ...action, what });
    case "listen":
      return [listen(context, { fd: descriptorOf(context, action.handle), what, backlog: action.backlog })];
    case "connect":
      return [connectSocket(context, { ...action, what })];
    case "accept":
      return accept(context, { ...action, what });
    case "send":
      return sendPackets(context, { ...action, what });
    case "close":
      return [close(context, descriptorOf(context, action.handle))];
    case "shut-down":
      return [shutDown(context, { ...action, what })];
    case "settle":
      return settle(context, { ...action, what });
  }
}

function pairSockets(context: FilesContext, { handles, type, what }: Named<PairSockets>): RemoteCall[] {
  const { lowest } = context;
  const fds = handles.map(() => lowest.take());
  const calls = [
    pair(context, { type, what }),
    ...handles.map((handle, index) => duplicate(context, fds[index] ?? -1, handle)),
    ...fds.map((fd) => close(context, fd)),
  ];
  for (const fd of fds) lowest.release(fd);
  return calls;
}

function connectSocket(context: FilesContext, { handle, to, what }: Named<ConnectSocket>): RemoteCall {
  const address = to.kind === "nobody" ? encodeNobody() : encodeAddress(context, to);
  return connect(context, { fd: descriptorOf(context, handle), what, address });
}

function accept(context: FilesContext, { handle, from, what }: Named<AcceptSocket>): RemoteCall[] {
  const listener = descriptorOf(context, from);
  return create(context, handle, (fd) => [
    remoteCall(context, "accept4", [listener, 0, 0, SOCK_NONBLOCK], { attempt: `Cannot accept ${what}`, expected: fd }),
  ]);
}

function shutDown(context: FilesContext, { handle, sides, what }: Named<ShutDownSocket>): RemoteCall {
  // SHUT_RD, SHUT_WR and SHUT_RDWR are one less than the bits that they set.
  const purpose = { attempt: `Cannot shut down ${what}` };
  return remoteCall(context, "shutdown", [descriptorOf(context, handle), sides - 1], purpose);
}

function settle(context: FilesContext, { handle, options, flags, what }: Named<SettleSocket>): RemoteCall[] {
  const settled = { fd: descriptorOf(context, handle), what };
  return [
    // Ports are of no meaning to these sockets, and newer kernels do not let them be shared.
    ...compileReuse(context, settled, { reusesAddress: options.reusesAddress, reusesPort: false }),
    ...compileSocketOptions(context, settled, options),
    // Signals are for the one who asks for them, which is not the coordinator.
    remoteCall(context, "fcntl", [settled.fd, F_SETFL, flags & ~O_ASYNC], {
      attempt: `Cannot set the flags of ${what}`,
    }),
  ];
}
