import type { FileBase } from "../open_file.ts";
import type { SocketOptions } from "./socket_options.ts";

/** A socket of netlink(7). */
export interface NetlinkSocket extends FileBase {
  readonly kind: "netlink";
  /** NETLINK_* */
  readonly protocol: number;
  /** Its own port; 0 for none. */
  readonly port: number;
  /** Numbers of the multicast groups that it is in; the first is 1. */
  readonly groups: readonly number[];
  /** Whom it is connected to: a port, 0 being the kernel's, and a group, 0 being none. */
  readonly remote: { readonly port: number; readonly group: number } | undefined;
  readonly options: SocketOptions;
  /** The number of its net namespace; `ELSEWHERE` when none of the tasks is in it. */
  readonly network: number;
}
