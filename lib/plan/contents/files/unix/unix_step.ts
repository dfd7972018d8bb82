import type { SocketOptions } from "../../../../model/files/socket_options.ts";
import type { AbstractName, PathName } from "../../../../model/files/unix_socket.ts";
import type { Handle } from "../../contents_plan.ts";
import type { StepBase } from "../../file_step.ts";

/** One thing that is done to make unix sockets what they were. */
export interface UnixStep extends StepBase {
  readonly kind: "unix-socket";
  readonly action: UnixAction;
  /** Absent: the coordinator does it. Only for pairs, listening and connecting. */
  readonly performer?: Performer;
}

/** A task that does something itself: the kernel keeps who it was, for the other end (SO_PEERCRED of unix(7)). */
export interface Performer {
  readonly pid: number;
  /** What it does that as; absent: as it is born. */
  readonly identity?: { readonly as: Identity; readonly own: Identity };
}

/** Effective ids. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export type UnixAction =
  | MakeSocket
  | PairSockets
  | BindSocket
  | ListenAtSocket
  | ConnectSocket
  | AcceptSocket
  | SendPackets
  | CloseSocket
  | ShutDownSocket
  | SettleSocket;

/** socket(2) */
export interface MakeSocket {
  readonly kind: "make";
  readonly handle: Handle;
  /** SOCK_* */
  readonly type: number;
}

/** socketpair(2) */
export interface PairSockets {
  readonly kind: "pair";
  readonly handles: readonly [Handle, Handle];
  readonly type: number;
}

/** bind(2) */
export interface BindSocket {
  readonly kind: "bind";
  readonly handle: Handle;
  readonly name: AbstractName | BoundPath;
}

export interface BoundPath extends Omit<PathName, "isDeleted" | "mount"> {
  /** Its file gets this handle, for connections to it: whatever becomes of its name. */
  readonly file: Handle;
  readonly place: NamePlace;
}

/**
 * Where the file of a socket is made. `aside`: the path that the file gets which has the name now; the file goes when
 * the restore has succeeded, and gets its name back when that has failed. `hidden`: in a file system in memory that is
 * mounted nowhere; `isRemoved`: its name is gone at once.
 */
export type NamePlace =
  | { readonly kind: "visible"; readonly aside?: string }
  | { readonly kind: "hidden"; readonly isRemoved: boolean };

/** How a socket is found by another one; `file`: by the handle of its file. */
export type UnixAddress = AbstractName | { readonly kind: "file"; readonly handle: Handle };

/** listen(2) */
export interface ListenAtSocket {
  readonly kind: "listen";
  readonly handle: Handle;
  readonly backlog: number;
}

/** connect(2); `nobody` ends a connection of a datagram socket. */
export interface ConnectSocket {
  readonly kind: "connect";
  readonly handle: Handle;
  readonly to: UnixAddress | { readonly kind: "nobody" };
}

/** accept(2) */
export interface AcceptSocket {
  readonly kind: "accept";
  readonly handle: Handle;
  readonly from: Handle;
}

/** sendmsg(2), once for each packet; without `to`, to the socket that this one is connected to. */
export interface SendPackets {
  readonly kind: "send";
  readonly handle: Handle;
  readonly to?: UnixAddress;
  readonly packets: readonly SentPacket[];
}

export interface SentPacket {
  readonly bytes: Uint8Array;
  readonly rights: readonly Handle[];
}

export interface CloseSocket {
  readonly kind: "close";
  readonly handle: Handle;
}

/** shutdown(2) */
export interface ShutDownSocket {
  readonly kind: "shut-down";
  readonly handle: Handle;
  /** RCV_SHUTDOWN and SEND_SHUTDOWN; at least one of them. */
  readonly sides: number;
}

/** Gives a socket its options and status flags: the last that is done to it. */
export interface SettleSocket {
  readonly kind: "settle";
  readonly handle: Handle;
  readonly options: SocketOptions;
  readonly flags: number;
}
