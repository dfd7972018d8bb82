import type { TcpConnection, TcpWindow } from "../../../model/files/tcp_connection.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, integers } from "../remote.ts";
import { type OptionValue, setOption, type SocketReference } from "./socket_options.ts";

/**
 * The repair mode of TCP sockets (linux/tcp.h): the state of a connection can be set, what is written goes into the
 * queue that has been chosen, and closing tells nobody.
 */
type Option = Omit<OptionValue, "value">;

const TCP_REPAIR: Option = { level: 6, option: 19, name: "TCP_REPAIR" };
const TCP_REPAIR_QUEUE: Option = { level: 6, option: 20, name: "TCP_REPAIR_QUEUE" };
const TCP_QUEUE_SEQ: Option = { level: 6, option: 21, name: "TCP_QUEUE_SEQ" };
const TCP_REPAIR_OPTIONS: Option = { level: 6, option: 22, name: "TCP_REPAIR_OPTIONS" };
const TCP_TIMESTAMP: Option = { level: 6, option: 24, name: "TCP_TIMESTAMP" };
const TCP_REPAIR_WINDOW: Option = { level: 6, option: 29, name: "TCP_REPAIR_WINDOW" };

const QUEUES = { none: 0, receive: 1, send: 2 } as const;

/** Kinds of option in the header of TCP. */
const MAXIMUM_SEGMENT = 2;
const WINDOW_SCALE = 3;
const SELECTIVE_ACKNOWLEDGEMENTS = 4;
const TIMESTAMPS = 8;

/** Enters or leaves repair mode; when it is left, the other side is asked for a sign of life. */
export function setRepair(context: ContentsContext, socket: SocketReference, on: boolean): RemoteCall {
  return setOption(context, socket, { ...TCP_REPAIR, value: on ? 1 : 0 });
}

/** Chooses the queue that is written to. */
export function chooseQueue(
  context: ContentsContext,
  socket: SocketReference,
  queue: keyof typeof QUEUES,
): RemoteCall {
  return setOption(context, socket, { ...TCP_REPAIR_QUEUE, value: QUEUES[queue] });
}

/** Sets the number of the first byte of the queue that was chosen: before the socket is connected. */
export function setSequence(context: ContentsContext, socket: SocketReference, sequence: number): RemoteCall {
  return setOption(context, socket, { ...TCP_QUEUE_SEQ, value: sequence });
}

/** Sets what both sides had agreed upon: when the socket is connected, and nothing is in its queues yet. */
export function setAgreements(
  context: ContentsContext,
  socket: SocketReference,
  connection: TcpConnection,
): RemoteCall[] {
  const { timestamp } = connection;
  return [
    setOption(context, socket, { ...TCP_REPAIR_OPTIONS, value: encodeAgreements(connection) }),
    ...timestamp === undefined ? [] : [setOption(context, socket, { ...TCP_TIMESTAMP, value: timestamp })],
  ];
}

/** `struct tcp_repair_opt`, for each of them. */
function encodeAgreements({ maximumSegment, selectiveAcknowledgements, windowScales, timestamp }: TcpConnection) {
  return integers(
    ...selectiveAcknowledgements ? [SELECTIVE_ACKNOWLEDGEMENTS, 0] : [],
    ...windowScales === undefined ? [] : [WINDOW_SCALE, windowScales.send + windowScales.receive * 0x1_0000],
    ...timestamp === undefined ? [] : [TIMESTAMPS, 0],
    ...[MAXIMUM_SEGMENT, maximumSegment],
  );
}

/** Sets how much may be sent, and may be received: when the queues are filled. */
export function setWindow(context: ContentsContext, socket: SocketReference, window: TcpWindow): RemoteCall {
  const { lastUpdate, send, largest, receive, receivedAtUpdate } = window;
  const value = integers(lastUpdate, send, largest, receive, receivedAtUpdate);
  return setOption(context, socket, { ...TCP_REPAIR_WINDOW, value });
}
