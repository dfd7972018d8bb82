import type { EpollFile, EventFile, SignalFile, TimerFile } from "./files/event_files.ts";
import type { InetSocket } from "./files/inet_socket.ts";
import type { MemoryFile } from "./files/memory_file.ts";
import type { NetlinkSocket } from "./files/netlink_socket.ts";
import type { PacketSocket } from "./files/packet_socket.ts";
import type { PathFile } from "./files/path_file.ts";
import type { FifoFile, PipeFile } from "./files/pipe_file.ts";
import type { UnixSocket } from "./files/unix_socket.ts";

/** An open file (what open(2) calls an open file description): several descriptors may refer to it. */
export type OpenFile =
  | PathFile
  | PipeFile
  | FifoFile
  | EventFile
  | EpollFile
  | SignalFile
  | TimerFile
  | MemoryFile
  | UnixSocket
  | InetSocket
  | NetlinkSocket
  | PacketSocket
  | UnknownFile;

/** What every open file has. */
export interface FileBase {
  readonly id: number;
  /** Status flags and access mode, as F_GETFL tells them. */
  readonly flags: number;
  /** Who is signalled when it gets ready; absent when nobody is. */
  readonly owner?: SignalOwner;
}

/** fcntl(2), F_SETOWN_EX and F_SETSIG. */
export interface SignalOwner {
  /** F_OWNER_TID, F_OWNER_PID or F_OWNER_PGRP. */
  readonly kind: number;
  readonly pid: number;
  /** 0: SIGIO */
  readonly signal: number;
  /** Who set it. */
  readonly uid: number;
  readonly effectiveUid: number;
}

/** A kind of file that cannot be restored. */
export interface UnknownFile {
  readonly kind: "unknown";
  readonly id: number;
  /** `"a tun device"`. */
  readonly what: string;
}

/** A descriptor of a table. */
export interface Descriptor {
  readonly fd: number;
  /** Id of an open file. */
  readonly file: number;
  readonly closeOnExec: boolean;
}
