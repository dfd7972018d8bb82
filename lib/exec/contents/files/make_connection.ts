import type {
  CloseConnectionStep,
  ClosingAct,
  ConnectedSocket,
  ConnectionStep,
  HearConnectionStep,
  ResumeConnectionStep,
} from "../../../plan/contents/files/plan_connection.ts";
import { MSG_NOSIGNAL } from "../../../sys/constants.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, descriptorOf, integers, type Purpose, remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { AF_INET, AF_INET6, encodeEndpoint } from "./inet_address.ts";
import { receiveSegment } from "./receive_segment.ts";
import { freebindValue, ipValues, reuseValues, tcpValues } from "./inet_options.ts";
import {
  compileLargestBuffers,
  compileLargestSendBuffer,
  compileSocketOptions,
  type OptionValue,
  setHearing,
  setOption,
  type SocketReference,
} from "./socket_options.ts";
import { chooseQueue, setAgreements, setRepair, setSequence, setWindow } from "./tcp_repair.ts";

const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const SHUT_WR = 1;
const MSG_DONTWAIT = 0x40;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const FIONBIO = 0x5421;

/** Most bytes in one write. */
const CHUNK = 32768;

const HINTS = {
  EADDRNOTAVAIL: "no network device of this host has the address, or the connection exists already",
  EADDRINUSE: "the connection exists already",
  ENETUNREACH: "this host has no route to the other side",
  EPERM: "that needs CAP_NET_ADMIN",
  ENOMEM: "there is too little memory: see the sysctl net.ipv4.tcp_mem",
  ECONNREFUSED: "nobody listens there any more",
};

export function makeConnection(context: FilesContext, step: ConnectionStep): RemoteCall[] {
  const { handle, what, socket, queues } = step;
  const { family, isV6Only, ip, options, remote, flags, connection } = socket;
  const purpose = { attempt: `Cannot make ${what}`, hints: HINTS };
  return create(context, handle, (fd) => {
    const reference = { fd, what };
    const set = (values: readonly OptionValue[]) => values.map((value) => setOption(context, reference, value));
    // A filter has to wait until all has been received.
    const unfiltered = { ...options, filter: new Uint8Array() };
    return [
      remoteCall(context, "socket", [family === "ipv4" ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP], {
        ...purpose,
        expected: fd,
      }),
      ...set(ipValues(family, ip, isV6Only)),
      // A route may depend on them.
      ...compileSocketOptions(context, reference, unfiltered),
      ...compileLargestBuffers(context, reference),
      setRepair(context, reference, true),
      ...bind(context, reference, step),
      chooseQueue(context, reference, "receive"),
      setSequence(context, reference, step.firstReceived),
      chooseQueue(context, reference, "send"),
      setSequence(context, reference, step.firstWritten),
      ...queues === undefined ? [] : [
        remoteCall(context, "connect", [fd, ...pointer(encodeEndpoint(remote))], {
          ...purpose,
          attempt: `Cannot connect ${what}`,
        }),
        ...setAgreements(context, reference, connection),
        chooseQueue(context, reference, "receive"),
        ...send(context, reference, queues.received),
        chooseQueue(context, reference, "send"),
        ...send(context, reference, queues.sent),
        ...queues.window === undefined ? [] : [setWindow(context, reference, queues.window)],
      ],
      // How much is said to be received at most depends on the buffer.
      ...compileSocketOptions(context, reference, unfiltered),
      remoteCall(context, "fcntl", [fd, F_SETFL, flags], { attempt: `Cannot set the flags of ${what}` }),
    ];
  });
}

/** In repair mode, a port is shared with everybody. */
function bind(
  context: FilesContext,
  reference: SocketReference,
  { socket, bindsFreely }: ConnectionStep,
): RemoteCall[] {
  const { family, local, ip } = socket;
  const set = (on: boolean) => freebindValue(family, on).map((value) => setOption(context, reference, value));
  return [
    ...bindsFreely ? set(true) : [],
    remoteCall(context, "bind", [reference.fd, ...pointer(encodeEndpoint(local))], {
      attempt: `Cannot bind ${reference.what}`,
      hints: HINTS,
    }),
    ...bindsFreely && !ip.bindsFreely ? set(false) : [],
  ];
}

function send(context: FilesContext, { fd, what }: SocketReference, bytes: Uint8Array): RemoteCall[] {
  const purpose: Purpose = { attempt: `Cannot put ${bytes.length} bytes into ${what}`, hints: HINTS };
  const calls: RemoteCall[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const part = bytes.subarray(at, at + CHUNK);
    calls.push(remoteCall(context, "sendto", [fd, part, part.length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0], {
      ...purpose,
      expected: part.length,
    }));
  }
  return calls;
}

export function closeConnection(
  context: FilesContext,
  { handle, what, socket, acts }: CloseConnectionStep,
): RemoteCall[] {
  const reference = { fd: descriptorOf(context, handle), what };
  // What is written to the queue counts as sent.
  return [
    chooseQueue(context, reference, "send"),
    ...performActs(context, reference, { socket, acts }),
    chooseQueue(context, reference, "none"),
  ];
}

export function hearConnection(context: FilesContext, { handle, what }: HearConnectionStep): RemoteCall[] {
  return [setHearing(context, { fd: descriptorOf(context, handle), what }, true)];
}

export function resumeConnection(context: FilesContext, step: ResumeConnectionStep): RemoteCall[] {
  const { handle, what, socket, connects, unsent, acts } = step;
  const reference = { fd: descriptorOf(context, handle), what };
  const set = (values: readonly OptionValue[]) => values.map((value) => setOption(context, reference, value));
  return [
    setRepair(context, reference, false),
    ...connects ? connect(context, reference, socket) : [],
    ...set(tcpValues(socket.tcp)),
    ...unsent.length === 0 ? [] : compileLargestSendBuffer(context, reference),
    ...send(context, reference, unsent),
    ...performActs(context, reference, { socket, acts }),
    ...compileSocketOptions(context, reference, socket.options),
    ...set(reuseValues(socket.options)),
  ];
}

/** Goes back to repair mode. */
export function suspendConnection(context: ContentsContext, { handle, what }: ResumeConnectionStep): RemoteCall {
  return setRepair(context, { fd: descriptorOf(context, handle), what }, true);
}

/** Asks for a connection, without waiting for it. */
function connect(
  context: FilesContext,
  { fd, what }: SocketReference,
  { remote, flags }: ConnectedSocket,
): RemoteCall[] {
  const purpose = { attempt: `Cannot connect ${what}`, hints: HINTS };
  // That is the only flag that this changes: O_ASYNC, which `flags` does not tell, may be set already.
  const setWaiting = (waits: boolean) => (
    (flags & O_NONBLOCK) === 0 ? [remoteCall(context, "ioctl", [fd, FIONBIO, integers(waits ? 0 : 1)], purpose)] : []
  );
  return [
    ...setWaiting(false),
    remoteCall(context, "connect", [fd, ...pointer(encodeEndpoint(remote))], {
      ...purpose,
      tolerated: ["EINPROGRESS"],
    }),
    ...setWaiting(true),
  ];
}

function performActs(
  context: FilesContext,
  reference: SocketReference,
  { socket, acts }: { readonly socket: ConnectedSocket; readonly acts: readonly ClosingAct[] },
): RemoteCall[] {
  const attempt = `Cannot close a direction of ${reference.what}`;
  return acts.flatMap((act): RemoteCall[] => {
    switch (act.kind) {
      case "shut-down":
        return [remoteCall(context, "shutdown", [reference.fd, SHUT_WR], { attempt })];
      case "receive":
        return receiveSegment(context, reference, { socket, segment: act.segment });
      case "deafen":
        return [setHearing(context, reference, false)];
    }
  });
}

function pointer(bytes: Uint8Array): readonly [Uint8Array, number] {
  return [bytes, bytes.length];
}
