import type { FileBase } from "../open_file.ts";
import type { SocketOptions } from "./socket_options.ts";

/** Values of `UnixSocket.type`. */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;

/** Bits of `UnixSocket.shutdown`: nothing more is received, or sent (net/sock.h). */
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;

/** A socket of unix(7). */
export interface UnixSocket extends FileBase {
  readonly kind: "unix";
  /** What sockets of a checkpoint refer to each other by. */
  readonly inode: number;
  /** SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. */
  readonly type: number;
  /** `connected` is told of datagram sockets, too, to which another one has connected. */
  readonly state: UnixState;
  /** Inode of the socket that it is connected to, or that has not accepted it yet; 0 for none. */
  readonly peer: number;
  /** Of listening sockets; else 0. */
  readonly backlog: number;
  readonly name?: UnixName;
  readonly shutdown: number;
  readonly options: SocketOptions;
  /** What has been sent to it and not been received yet. */
  readonly packets: readonly UnixPacket[];
  readonly role: UnixRole;
  /** The number of its net namespace; `ELSEWHERE` when none of the tasks is in it. */
  readonly network: number;
}

export type UnixState = "listening" | "connected" | "closed";

/**
 * `external`: no task has it, and one that some task has is connected to it. `service`: CRIU's answer to a request
 * for a dump is awaited on it. `plugin`: a plugin of CRIU has dumped it.
 */
export type UnixRole = "ordinary" | "external" | "service" | "plugin";

export type UnixName = AbstractName | PathName;

export interface AbstractName {
  readonly kind: "abstract";
  /** Without the NUL that makes it abstract. */
  readonly bytes: Uint8Array;
}

export interface PathName {
  readonly kind: "path";
  /** As it was bound. */
  readonly path: string;
  /** Absolute: where a relative path starts from. */
  readonly directory?: string;
  /** Whether the file is gone. */
  readonly isDeleted: boolean;
  /** Of the file; `mode` is a st_mode. */
  readonly permissions?: { readonly mode: number; readonly uid: number; readonly gid: number };
  /** Of the mount in mountpoints-ID.img; absent where mounts were not dumped. */
  readonly mount?: number;
}

export interface UnixPacket {
  readonly bytes: Uint8Array;
  /** Ids of open files that come with it (SCM_RIGHTS). */
  readonly rights: readonly number[];
  /** Types of further control messages, which cannot be restored. */
  readonly unknownControls: readonly number[];
}
