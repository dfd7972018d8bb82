import type { NetlinkSkEntry } from "../../gen/netlink.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { netNumber } from "../net_numbers.ts";
import { buildSocketOptions } from "./build_socket_options.ts";
import type { NetlinkSocket } from "./netlink_socket.ts";

/** `NETLINK_CONNECTED` of net/netlink/af_netlink.h. */
const CONNECTED = 1;

export function buildNetlinkSocket(
  id: number,
  entry: NetlinkSkEntry,
  context: Pick<FilesContext, "networks">,
): NetlinkSocket {
  const { flags, fown, protocol, portid: port, groups, state, dstPortid, dstGroup, opts, nsId } = entry;
  return {
    kind: "netlink",
    id,
    flags,
    ...buildOwner(fown),
    protocol,
    port,
    groups: groups.flatMap((word, index) => bitsOf(word).map((bit) => 32 * index + bit + 1)),
    remote: state === CONNECTED ? { port: dstPortid, group: dstGroup } : undefined,
    options: buildSocketOptions(opts),
    network: netNumber(nsId, context.networks),
  };
}

function bitsOf(word: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit & 1) === 1);
}
