import type { EpollFile, EventFile, SignalFile, TimerFile } from "./files/event_files.ts";
import type { InetSocket } from "./files/inet_socket.ts";
import type { MemoryFile } from "./files/memory_file.ts";
import type { NamespaceFile } from "./files/namespace_file.ts";
import type { NetlinkSocket } from "./files/netlink_socket.ts";
import type { FanotifyFile, InotifyFile } from "./files/notify_files.ts";
import type { PacketSocket } from "./files/packet_socket.ts";
import type { PathFile } from "./files/path_file.ts";
import type { PidFile } from "./files/pid_file.ts";
import type { FifoFile, PipeFile } from "./files/pipe_file.ts";
import type { TerminalFile } from "./files/terminal_file.ts";
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
  | InotifyFile
  | FanotifyFile
  | PidFile
  | NamespaceFile
  | MemoryFile
  | TerminalFile
  | UnixSocket
  | InetSocket
  | NetlinkSocket
  | PacketSocket
  | UnknownFile;

/** What every open file has. */
export interface FileBase {
  readonly id: number;
  /** Status flags and access mode, as F_GETFL tells them; without O_ASYNC where that is `isAsync`. */
  readonly flags: number;
  /** Its owner is signalled (O_ASYNC, set by fcntl(2)). */
  readonly isAsync?: boolean;
  /** Who is signalled when it gets ready, a lease of it is broken and the like; absent when nobody is. */
  readonly owner?: SignalOwner;
}

/** fcntl(2), F_SETOWN_EX and F_SETSIG. */
export interface SignalOwner {
  /** F_OWNER_TID, F_OWNER_PID or F_OWNER_PGRP. */
  readonly kind: number;
  /** 0: nobody, so far */
  readonly pid: number;
  /** 0: SIGIO */
  readonly signal: number;
  /** Of who set it: the kernel asks these whether the signal may be sent. */
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
