import type { FileBase } from "../open_file.ts";

/** A socket of unix(7). */
export interface UnixSocket extends FileBase {
  readonly kind: "unix";
  readonly inode: number;
  /** SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. */
  readonly type: number;
}
