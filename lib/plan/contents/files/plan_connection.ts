import type { InetSocket, TcpState } from "../../../model/files/inet_socket.ts";
import type { TcpConnection, TcpWindow } from "../../../model/files/tcp_connection.ts";
import { isUnspecified } from "../../../model/inet_address.ts";
import { nameInetSocket } from "../../../model/inet_protocol.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import { inNetwork, type StepBase } from "../file_step.ts";
import { expectInetSocket } from "./expect_inet_socket.ts";

/** A TCP socket that is or was connected, with what its connection was like when it was dumped. */
export type ConnectedSocket = InetSocket & {
  readonly remote: NonNullable<InetSocket["remote"]>;
  readonly connection: TcpConnection;
};

/**
 * Makes a TCP socket with its connection, in the kernel's repair mode: nothing is sent, and nobody is told when it is
 * closed. It stays in this mode until it is resumed.
 */
export interface ConnectionStep extends StepBase {
  readonly kind: "make-connection";
  readonly handle: Handle;
  readonly socket: ConnectedSocket;
  readonly bindsFreely: boolean;
  /** Numbers of the first byte that is in each queue. */
  readonly firstReceived: number;
  readonly firstWritten: number;
  /** Absent for a connection that is still asked for: it is connected when it is resumed. */
  readonly queues: ConnectionQueues | undefined;
}

export interface ConnectionQueues {
  readonly received: Uint8Array;
  /** Sent, and not acknowledged. */
  readonly sent: Uint8Array;
  readonly window: TcpWindow | undefined;
}

/** Ends one direction of a connection, or both. */
export interface CloseConnectionStep extends StepBase {
  readonly kind: "close-connection";
  readonly handle: Handle;
  readonly socket: ConnectedSocket;
  readonly acts: readonly ClosingAct[];
}

/** Ends what `deafen` has begun. */
export interface HearConnectionStep extends StepBase {
  readonly kind: "hear-connection";
  readonly handle: Handle;
  readonly what: string;
}

/** Leaves repair mode, and does what would send something before that. */
export interface ResumeConnectionStep extends StepBase {
  readonly kind: "resume-connection";
  readonly handle: Handle;
  readonly socket: ConnectedSocket;
  readonly connects: boolean;
  readonly unsent: Uint8Array;
  /** What comes behind the bytes that had not been sent. */
  readonly acts: readonly ClosingAct[];
}

export type ClosingAct =
  /** The end of what this side sends. */
  | { readonly kind: "shut-down" }
  /** A segment without data, as if it came from the other side. */
  | { readonly kind: "receive"; readonly segment: TcpSegment }
  /** Nothing gets to this side from then on. */
  | { readonly kind: "deafen" };

export interface TcpSegment {
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Whether it is the end of what the other side sends. */
  readonly isLast: boolean;
  /** As it is written in the header. */
  readonly window: number;
}

/** States in which an end has been received, in which one has been written, and in which that is acknowledged. */
const END_RECEIVED: ReadonlySet<TcpState> = new Set<TcpState>(["close-wait", "last-ack", "closing", "closed"]);
const END_WRITTEN: ReadonlySet<TcpState> = new Set<TcpState>([
  "fin-wait-1",
  "fin-wait-2",
  "closing",
  "last-ack",
  "closed",
]);

/** States in which nobody has acknowledged the end that was written. */
const END_UNANSWERED: ReadonlySet<TcpState> = new Set<TcpState>(["fin-wait-1", "closing", "last-ack"]);

type ClosingEvent = "shut-down" | "end" | "acknowledgement";

/** The order of events that leads to a state; the kernel goes through the same states again. */
const EVENTS: Readonly<Partial<Record<TcpState, readonly ClosingEvent[]>>> = {
  "fin-wait-1": ["shut-down"],
  "fin-wait-2": ["shut-down", "acknowledgement"],
  closing: ["shut-down", "end"],
  "close-wait": ["end"],
  "last-ack": ["end", "shut-down"],
  closed: ["end", "shut-down", "acknowledgement"],
};

/** Plans a socket with its connection; it is known by its file's id afterwards. */
export function planConnection(planner: FilePlanner, socket: ConnectedSocket): void {
  const { id, state, connection, family, local, ip, network } = socket;
  const handle = planner.fileHandle(id, expectInetSocket(socket));
  const step = { handle, what: nameInetSocket(socket), socket, ...inNetwork(network) };
  const { received, written, unsent } = connection;
  const connects = state === "syn-sent";
  const sent = written.subarray(0, written.length - unsent);
  planner.late.push({
    kind: "make-connection",
    ...step,
    bindsFreely: ip.bindsFreely || family === "ipv6" && !isUnspecified(local.address),
    firstReceived: minus(endOfReceived(socket), received.length),
    firstWritten: minus(endOfWritten(socket), written.length + (connects ? 1 : 0)),
    queues: connects ? undefined : { received, sent, window: windowBeforeEnd(socket) },
  });
  const acts = closingActs(socket);
  // An end goes behind all that has been written.
  const isLater = unsent > 0;
  if (acts.length > 0 && !isLater) planCloseConnection(planner, { ...step, acts });
  planner.final.push({
    kind: "resume-connection",
    ...step,
    connects,
    unsent: written.subarray(written.length - unsent),
    acts: isLater ? acts : [],
  });
}

/** An other side that is made here, too, answers at once: filters that keep its answers away are not there yet. */
function planCloseConnection(planner: FilePlanner, step: Omit<CloseConnectionStep, "kind">): void {
  const isDeaf = END_UNANSWERED.has(step.socket.state);
  const acts: readonly ClosingAct[] = isDeaf ? [...step.acts, { kind: "deafen" }] : step.acts;
  planner.last.push({ kind: "close-connection", ...step, acts });
  // Before any connection goes on: what is sent to this one then has to come.
  if (isDeaf) planner.final.unshift({ kind: "hear-connection", handle: step.handle, what: step.what });
}

/** The number behind the bytes that were received: an end that was received has one as well. */
function endOfReceived({ state, connection }: ConnectedSocket): number {
  return minus(connection.receiveSequence, END_RECEIVED.has(state) ? 1 : 0);
}

function endOfWritten({ state, connection }: ConnectedSocket): number {
  return minus(connection.writeSequence, END_WRITTEN.has(state) ? 1 : 0);
}

/** The window as it was before an end was received. */
function windowBeforeEnd({ state, connection: { window } }: ConnectedSocket): TcpWindow | undefined {
  if (window === undefined || !END_RECEIVED.has(state)) return window;
  return { ...window, receive: window.receive + 1, receivedAtUpdate: minus(window.receivedAtUpdate, 1) };
}

function closingActs(socket: ConnectedSocket): ClosingAct[] {
  return (EVENTS[socket.state] ?? []).map((event) => closingAct(socket, event));
}

function closingAct(socket: ConnectedSocket, event: ClosingEvent): ClosingAct {
  const { window: known, windowScales, written } = socket.connection;
  // Else the segment would change how much may be sent.
  const window = Math.min(0xffff, known === undefined ? 0xffff : known.send >>> (windowScales?.send ?? 0));
  const [received, end] = [endOfReceived(socket), endOfWritten(socket)];
  switch (event) {
    case "shut-down":
      return { kind: "shut-down" };
    case "end": {
      const acknowledgement = minus(end, written.length);
      return { kind: "receive", segment: { sequence: received, acknowledgement, isLast: true, window } };
    }
    case "acknowledgement": {
      const sequence = END_RECEIVED.has(socket.state) ? plus(received, 1) : received;
      return { kind: "receive", segment: { sequence, acknowledgement: plus(end, 1), isLast: false, window } };
    }
  }
}

function minus(sequence: number, count: number): number {
  return (sequence - count) >>> 0;
}

function plus(sequence: number, count: number): number {
  return (sequence + count) >>> 0;
}
