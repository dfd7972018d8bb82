import type { FileBase } from "../open_file.ts";
import type { SocketOptions } from "./socket_options.ts";

/** A socket of packet(7). */
export interface PacketSocket extends FileBase {
  readonly kind: "packet";
  /** SOCK_RAW, SOCK_DGRAM or SOCK_PACKET. */
  readonly type: number;
  /** ETH_P_*, in the order of the network, as socket(2) takes it; 0 for none. */
  readonly protocol: number;
  /** Index of the network device that it is bound to; 0 for all. */
  readonly device: number;
  /** TPACKET_V* */
  readonly version: number;
  /** PACKET_RESERVE, PACKET_TIMESTAMP and PACKET_COPY_THRESH */
  readonly reserve: number;
  readonly timestamp: number;
  readonly copyThreshold: number;
  /** PACKET_AUXDATA, PACKET_ORIGDEV, PACKET_VNET_HDR and PACKET_LOSS */
  readonly tellsAuxiliaryData: boolean;
  readonly tellsOriginalDevice: boolean;
  readonly hasVirtualHeader: boolean;
  readonly skipsMalformed: boolean;
  readonly memberships: readonly PacketMembership[];
  /** PACKET_FANOUT: how packets are spread over the sockets of a group, and which one. */
  readonly fanout: number | undefined;
  readonly receiveRing: PacketRing | undefined;
  readonly sendRing: PacketRing | undefined;
  readonly options: SocketOptions;
  /** The number of its net namespace; `ELSEWHERE` when none of the tasks is in it. */
  readonly network: number;
}

/** PACKET_ADD_MEMBERSHIP */
export interface PacketMembership {
  readonly device: number;
  /** PACKET_MR_* */
  readonly type: number;
  readonly address: Uint8Array;
}

/** `struct tpacket_req3` of linux/if_packet.h. */
export interface PacketRing {
  readonly blockSize: number;
  readonly blocks: number;
  readonly frameSize: number;
  readonly frames: number;
  readonly retireTimeout: number;
  readonly privateSize: number;
  readonly features: number;
}
