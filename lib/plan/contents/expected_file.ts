import type { Endpoint } from "../../model/files/inet_socket.ts";

/** What /proc must say of a descriptor of an open file when it has been restored (proc_pid_fd(5), proc_pid_fdinfo(5)). */
export interface ExpectedFile {
  /** `"/usr/bin/sleep"`, or with `isPrefix` the beginning of it: `"pipe:["`. */
  readonly link: string;
  readonly isPrefix?: boolean;
  /**
   * What the open file is opened on: descriptors with the same have one inode, and those with another one another.
   * Absent: not compared.
   */
  readonly object?: string;
  /** Status flags and access mode. */
  readonly flags: number;
  /** Absent: not compared. */
  readonly position?: number | bigint;
  /**
   * Further lines of fdinfo, in which every run of white space is one space: `"eventfd-count: 5"`. A `*` stands for
   * anything: `"inotify wd:1 * mask:2 *"`.
   */
  readonly lines?: readonly string[];
  /** Number of the net namespace that a socket is in; absent: that of the root task. */
  readonly network?: number;
  /** What /proc/PID/net/unix must say. */
  readonly unix?: ExpectedUnixSocket;
  /** Of an internet socket that the kernel lists: absent for others. */
  readonly socket?: ExpectedSocket;
}

/** What /proc/net/tcp and its relatives must say of a socket (proc_net_tcp(5)). */
export interface ExpectedSocket {
  /** IPPROTO_* */
  readonly protocol: number;
  readonly local: Endpoint;
  /** All zeros when it is not connected. */
  readonly remote: Endpoint;
  /** TCP_* of net/tcp_states.h. Absent for a connection, which goes on by itself, and may even have ended. */
  readonly state: number | undefined;
}

/** See `NetUnixSocket` of lib/host. */
export interface ExpectedUnixSocket {
  /** SOCK_* */
  readonly type: number;
  readonly isListening: boolean;
  /** Absent: not compared. */
  readonly isConnected?: boolean;
  /** As `renderUnixName` writes it; empty for none. */
  readonly name: string;
}
