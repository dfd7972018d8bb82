import type { PacketRing as PacketRingEntry, PacketSockEntry } from "../../gen/packet.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { netNumber } from "../net_numbers.ts";
import { buildSocketOptions } from "./build_socket_options.ts";
import type { PacketRing, PacketSocket } from "./packet_socket.ts";

/** `MAX_ADDR_LEN` of linux/netdevice.h. */
const MAX_ADDRESS_SIZE = 32;

/** What CRIU writes for a socket in no group. */
const NO_FANOUT = 0xffff_ffff;

export function buildPacketSocket(
  id: number,
  entry: PacketSockEntry,
  context: FilesContext & { readonly where: string },
): PacketSocket {
  const memberships = entry.mclist.map(({ index: device, type, addr }) => ({ device, type, address: addr }));
  for (const { address } of memberships) {
    if (address.length <= MAX_ADDRESS_SIZE) continue;
    context.problems.push({
      where: context.where,
      what: `an address has ${address.length} bytes, ${MAX_ADDRESS_SIZE} are possible`,
    });
  }
  return {
    kind: "packet",
    id,
    flags: entry.flags,
    ...buildOwner(entry.fown),
    type: entry.type,
    protocol: entry.protocol,
    device: entry.ifindex,
    version: entry.version,
    reserve: entry.reserve,
    timestamp: entry.timestamp,
    copyThreshold: entry.copyThresh,
    tellsAuxiliaryData: entry.auxData,
    tellsOriginalDevice: entry.origDev,
    hasVirtualHeader: entry.vnetHdr,
    skipsMalformed: entry.loss,
    memberships,
    fanout: entry.fanout === NO_FANOUT ? undefined : entry.fanout,
    receiveRing: entry.rxRing && buildRing(entry.rxRing),
    sendRing: entry.txRing && buildRing(entry.txRing),
    options: buildSocketOptions(entry.opts),
    network: netNumber(entry.nsId, context.networks),
  };
}

function buildRing(entry: PacketRingEntry): PacketRing {
  return {
    blockSize: entry.blockSize,
    blocks: entry.blockNr,
    frameSize: entry.frameSize,
    frames: entry.frameNr,
    retireTimeout: entry.retireTmo,
    privateSize: entry.sizeofPriv,
    features: entry.features,
  };
}
