import type {
  AcceptSocket,
  ConnectSocket,
  ListenAtSocket,
  MakeSocket,
  PairSockets,
  SettleSocket,
  ShutDownSocket,
  UnixStep,
} from "../../../../plan/contents/files/unix/unix_step.ts";
import type { RemoteCall } from "../../../../tracee/remote_call.ts";
import { descriptorOf, type Purpose, remoteCall } from "../../remote.ts";
import { close, create, duplicate, type FilesContext } from "../file_calls.ts";
import { compileReuse, compileSocketOptions } from "../socket_options.ts";
import { bindSocket } from "./bind_unix_socket.ts";
import { sendPackets } from "./send_packets.ts";
import { encodeAddress, encodeNobody } from "./unix_address.ts";

const AF_UNIX = 1;
const SOCK_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;
const F_SETFL = 4;

/** An action with what it is done to, for messages. */
type Named<Action> = Action & Pick<UnixStep, "what">;

/** Nothing blocks: sockets get the flags that they had in the end. */
export function compileUnixAction(context: FilesContext, { what, action }: UnixStep): RemoteCall[] {
  switch (action.kind) {
    case "make":
      return makeSocket(context, { ...action, what });
    case "pair":
      return pairSockets(context, { ...action, what });
    case "bind":
      return bindSocket(context, { ...action, what });
    case "listen":
      return listen(context, { ...action, what });
    case "connect":
      return connect(context, { ...action, what });
    case "accept":
      return accept(context, { ...action, what });
    case "send":
      return sendPackets(context, { ...action, what });
    case "close":
      return [close(context, descriptorOf(context, action.handle))];
    case "shut-down":
      return shutDown(context, { ...action, what });
    case "settle":
      return settle(context, { ...action, what });
  }
}

function makeSocket(context: FilesContext, { handle, type, what }: Named<MakeSocket>): RemoteCall[] {
  return create(context, handle, (fd) => [
    remoteCall(context, "socket", [AF_UNIX, type | SOCK_NONBLOCK, 0], { attempt: `Cannot make ${what}`, expected: fd }),
  ]);
}

function pairSockets(context: FilesContext, { handles, type, what }: Named<PairSockets>): RemoteCall[] {
  const { lowest } = context;
  const fds = handles.map(() => lowest.take());
  const output = new Uint8Array(4 * fds.length);
  const calls = [
    remoteCall(context, "socketpair", [AF_UNIX, type | SOCK_NONBLOCK, 0, { output }], {
      attempt: `Cannot make ${what}`,
    }),
    ...handles.map((handle, index) => duplicate(context, fds[index] ?? -1, handle)),
    ...fds.map((fd) => close(context, fd)),
  ];
  for (const fd of fds) lowest.release(fd);
  return calls;
}

function listen(context: FilesContext, { handle, backlog, what }: Named<ListenAtSocket>): RemoteCall[] {
  const purpose = { attempt: `Cannot listen at ${what}` };
  return [remoteCall(context, "listen", [descriptorOf(context, handle), backlog], purpose)];
}

const CONNECT_HINTS = {
  EAGAIN: "its backlog is full: see the sysctl net.core.somaxconn",
  ECONNREFUSED: "nobody answers there any more",
  EPROTOTYPE: "the socket there is of another type",
  EPERM: "the socket there is connected to another one",
};

function connect(context: FilesContext, { handle, to, what }: Named<ConnectSocket>): RemoteCall[] {
  const address = to.kind === "nobody" ? encodeNobody() : encodeAddress(context, to);
  const purpose: Purpose = { attempt: `Cannot connect ${what}`, hints: CONNECT_HINTS };
  return [remoteCall(context, "connect", [descriptorOf(context, handle), address, address.length], purpose)];
}

function accept(context: FilesContext, { handle, from, what }: Named<AcceptSocket>): RemoteCall[] {
  const listener = descriptorOf(context, from);
  return create(context, handle, (fd) => [
    remoteCall(context, "accept4", [listener, 0, 0, SOCK_NONBLOCK], { attempt: `Cannot accept ${what}`, expected: fd }),
  ]);
}

function shutDown(context: FilesContext, { handle, sides, what }: Named<ShutDownSocket>): RemoteCall[] {
  // SHUT_RD, SHUT_WR and SHUT_RDWR are one less than the bits that they set.
  const purpose = { attempt: `Cannot shut down ${what}` };
  return [remoteCall(context, "shutdown", [descriptorOf(context, handle), sides - 1], purpose)];
}

function settle(context: FilesContext, { handle, options, flags, what }: Named<SettleSocket>): RemoteCall[] {
  const socket = { fd: descriptorOf(context, handle), what };
  return [
    // Ports are of no meaning to these sockets, and newer kernels do not let them be shared.
    ...compileReuse(context, socket, { reusesAddress: options.reusesAddress, reusesPort: false }),
    ...compileSocketOptions(context, socket, options),
    // Signals are for the one who asks for them, which is not the coordinator.
    remoteCall(context, "fcntl", [socket.fd, F_SETFL, flags & ~O_ASYNC], {
      attempt: `Cannot set the flags of ${what}`,
    }),
  ];
}
