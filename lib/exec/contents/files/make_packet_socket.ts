import type { PacketMembership, PacketRing, PacketSocket } from "../../../model/files/packet_socket.ts";
import type { PacketSocketStep } from "../../../plan/contents/files/plan_packet_socket.ts";
import { encodeText } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { integers, remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { compileSocketOptions, type OptionValue, setOption } from "./socket_options.ts";

const AF_PACKET = 17;
const SOCK_PACKET = 10;
const F_SETFL = 4;

/** Options of packet(7) and linux/if_packet.h. */
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_RX_RING = 5;
const PACKET_COPY_THRESH = 7;
const PACKET_AUXDATA = 8;
const PACKET_ORIGDEV = 9;
const PACKET_VERSION = 10;
const PACKET_RESERVE = 12;
const PACKET_TX_RING = 13;
const PACKET_LOSS = 14;
const PACKET_VNET_HDR = 15;
const PACKET_TIMESTAMP = 17;
const PACKET_FANOUT = 18;

const HINTS = {
  EPERM: "that needs CAP_NET_RAW",
  EAFNOSUPPORT: "this kernel has no packet sockets",
  ENODEV: "there is no such network device here",
  ENETDOWN: "the network device is down",
};

export function makePacketSocket(context: FilesContext, step: PacketSocketStep): RemoteCall[] {
  const { handle, what, socket } = step;
  const { type, protocol, fanout, options, flags } = socket;
  return create(context, handle, (fd) => {
    const reference = { fd, what };
    const set = (values: readonly OptionValue[]) => values.map((value) => setOption(context, reference, value));
    // With a protocol, packets of all devices would come in at once.
    const first = type === SOCK_PACKET ? protocol : 0;
    return [
      remoteCall(context, "socket", [AF_PACKET, type, first], {
        attempt: `Cannot make ${what}`,
        hints: HINTS,
        expected: fd,
      }),
      ...set(type === SOCK_PACKET ? [] : packetValues(socket)),
      ...compileSocketOptions(context, reference, options),
      ...bind(context, fd, step),
      ...set(valueOf(PACKET_FANOUT, "PACKET_FANOUT", fanout)),
      remoteCall(context, "fcntl", [fd, F_SETFL, flags], { attempt: `Cannot set the flags of ${what}` }),
    ];
  });
}

function packetValues(socket: PacketSocket): OptionValue[] {
  return [
    ...valueOf(PACKET_VERSION, "PACKET_VERSION", socket.version),
    ...valueOf(PACKET_RESERVE, "PACKET_RESERVE", socket.reserve),
    ...valueOf(PACKET_TIMESTAMP, "PACKET_TIMESTAMP", socket.timestamp),
    ...valueOf(PACKET_COPY_THRESH, "PACKET_COPY_THRESH", socket.copyThreshold),
    ...switchOf(PACKET_AUXDATA, "PACKET_AUXDATA", socket.tellsAuxiliaryData),
    ...switchOf(PACKET_ORIGDEV, "PACKET_ORIGDEV", socket.tellsOriginalDevice),
    ...switchOf(PACKET_VNET_HDR, "PACKET_VNET_HDR", socket.hasVirtualHeader),
    ...switchOf(PACKET_LOSS, "PACKET_LOSS", socket.skipsMalformed),
    ...socket.memberships.flatMap((membership) => (
      valueOf(PACKET_ADD_MEMBERSHIP, "PACKET_ADD_MEMBERSHIP", encodeMembership(membership))
    )),
    ...valueOf(PACKET_RX_RING, "PACKET_RX_RING", socket.receiveRing && encodeRing(socket.receiveRing)),
    ...valueOf(PACKET_TX_RING, "PACKET_TX_RING", socket.sendRing && encodeRing(socket.sendRing)),
  ];
}

function valueOf(option: number, name: string, value: number | Uint8Array | undefined): OptionValue[] {
  return value === undefined ? [] : [{ level: SOL_PACKET, option, name, value }];
}

/** A new socket has none of them on. */
function switchOf(option: number, name: string, isOn: boolean): OptionValue[] {
  return valueOf(option, name, isOn ? 1 : undefined);
}

/** A socket without protocol and device is as it was made. */
function bind(context: FilesContext, fd: number, { socket, deviceName, what }: PacketSocketStep): RemoteCall[] {
  const { type, protocol, device } = socket;
  if (device === 0 && (protocol === 0 || type === SOCK_PACKET)) return [];
  const address = deviceName === undefined ? encodeAddress(protocol, device) : encodeName(deviceName);
  const purpose = { attempt: `Cannot bind ${what}`, hints: HINTS };
  return [remoteCall(context, "bind", [fd, address, address.length], purpose)];
}

/** `struct sockaddr_ll`: of what follows the device, nothing matters here. */
function encodeAddress(protocol: number, device: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol, true);
  view.setUint32(4, device, true);
  return new Uint8Array(view.buffer);
}

/** `struct sockaddr`, which has room for 13 bytes of a name. */
function encodeName(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  bytes[0] = AF_PACKET;
  bytes.set(encodeText(name).subarray(0, 13), 2);
  return bytes;
}

/** `struct packet_mreq` with the longest address that devices have. */
function encodeMembership({ device, type, address }: PacketMembership): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, device, true);
  view.setUint16(4, type, true);
  view.setUint16(6, address.length, true);
  bytes.set(address, 8);
  return bytes;
}

/** `struct tpacket_req3`, of which older versions take the beginning. */
function encodeRing(ring: PacketRing): Uint8Array<ArrayBuffer> {
  const { blockSize, blocks, frameSize, frames, retireTimeout, privateSize, features } = ring;
  return integers(blockSize, blocks, frameSize, frames, retireTimeout, privateSize, features);
}
