import type { InetBinding, InetSocketPlan, InetSocketsStep } from "../../../plan/contents/files/plan_inet_socket.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { AF_INET, AF_INET6, encodeEndpoint } from "./inet_address.ts";
import { freebindValue, ipValues, portlessValue, reuseValues, tcpValues } from "./inet_options.ts";
import { compileSocketOptions, type OptionValue, setOption, type SocketReference } from "./socket_options.ts";

const TYPES = { stream: 1, datagram: 2, raw: 3 } as const;

const F_SETFL = 4;

export function makeInetSockets(context: FilesContext, { sockets }: InetSocketsStep): RemoteCall[] {
  return [
    ...sockets.flatMap((socket) => makeInetSocket(context, socket)),
    ...sockets.flatMap((socket) => activate(context, socket)),
    ...sockets.flatMap((socket) => settle(context, socket)),
  ];
}

const SOCKET_HINTS = {
  EAFNOSUPPORT: "this kernel has no IPv6, or it is disabled",
  EPROTONOSUPPORT: "this kernel does not have that protocol",
  EACCES: "the sysctl net.ipv4.ping_group_range must include the group of cgrestore",
  EPERM: "that needs CAP_NET_RAW",
};

/** A socket with all its options, which come before the address: it is looked for among those of the device. */
function makeInetSocket(context: FilesContext, socket: InetSocketPlan): RemoteCall[] {
  const { handle, family, type, protocol, what, isV6Only, options, ip, tcp, binding } = socket;
  return create(context, handle, (fd) => {
    const reference = { fd, what };
    const args = [family === "ipv4" ? AF_INET : AF_INET6, TYPES[type], protocol];
    return [
      remoteCall(context, "socket", args, { attempt: `Cannot make ${what}`, hints: SOCKET_HINTS, expected: fd }),
      ...setAll(context, reference, [
        ...ipValues(family, ip, isV6Only),
        ...tcp === undefined ? [] : tcpValues(tcp),
      ]),
      ...compileSocketOptions(context, reference, options),
      ...binding === undefined ? [] : bind(context, reference, { binding, family, ip }),
    ];
  });
}

const ADDRESS_HINTS = {
  EADDRINUSE: "something else on this host uses the address and port, or a connection did less than a minute ago",
  EADDRNOTAVAIL: "no network device of this host has the address",
  EACCES: "that needs CAP_NET_BIND_SERVICE, or the address is one of a broadcast",
  ENETUNREACH: "this host has no route to it",
};

function bind(
  context: FilesContext,
  socket: SocketReference,
  { binding, family, ip }: { readonly binding: InetBinding } & Pick<InetSocketPlan, "family" | "ip">,
): RemoteCall[] {
  const { local, bindsFreely, leavesPort } = binding;
  const set = (values: readonly OptionValue[]) => setAll(context, socket, values);
  const address = encodeEndpoint(local);
  return [
    ...set(reuseValues(binding)),
    ...bindsFreely ? set(freebindValue(family, true)) : [],
    // A socket gets an address without a port by this option only; it is left on.
    ...leavesPort ? set(portlessValue()) : [],
    remoteCall(context, "bind", [socket.fd, address, address.length], {
      attempt: `Cannot bind ${socket.what}`,
      hints: ADDRESS_HINTS,
    }),
    ...bindsFreely && !ip.bindsFreely ? set(freebindValue(family, false)) : [],
  ];
}

function activate(context: FilesContext, { handle, what, backlog, remote, shutdown }: InetSocketPlan): RemoteCall[] {
  const fd = descriptorOf(context, handle);
  const calls: RemoteCall[] = [];
  if (backlog !== undefined) {
    calls.push(
      remoteCall(context, "listen", [fd, backlog], { attempt: `Cannot listen at ${what}`, hints: ADDRESS_HINTS }),
    );
  }
  if (remote !== undefined) {
    const address = encodeEndpoint(remote);
    const purpose = { attempt: `Cannot connect ${what}`, hints: ADDRESS_HINTS };
    calls.push(remoteCall(context, "connect", [fd, address, address.length], purpose));
  }
  if (shutdown !== undefined) {
    // Sockets that are not connected are shut down nevertheless (inet_shutdown of net/ipv4/af_inet.c).
    const purpose = { attempt: `Cannot shut down ${what}`, tolerated: ["ENOTCONN"] };
    calls.push(remoteCall(context, "shutdown", [fd, shutdown], purpose));
  }
  return calls;
}

function settle(context: FilesContext, { handle, what, options, flags }: InetSocketPlan): RemoteCall[] {
  const fd = descriptorOf(context, handle);
  return [
    ...setAll(context, { fd, what }, reuseValues(options)),
    remoteCall(context, "fcntl", [fd, F_SETFL, flags], { attempt: `Cannot set the flags of ${what}` }),
  ];
}

function setAll(context: FilesContext, socket: SocketReference, values: readonly OptionValue[]): RemoteCall[] {
  return values.map((value) => setOption(context, socket, value));
}
