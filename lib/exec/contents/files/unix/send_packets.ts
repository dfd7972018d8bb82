import type { SendPackets, SentPacket } from "../../../../plan/contents/files/unix/unix_step.ts";
import { MSG_NOSIGNAL, SCM_RIGHTS } from "../../../../sys/constants.ts";
import type { RemoteCall, StructReference } from "../../../../tracee/remote_call.ts";
import { descriptorOf, integers, type Purpose, remoteCall, words } from "../../remote.ts";
import type { FilesContext } from "../file_calls.ts";
import { compileLargestBuffers, SOL_SOCKET } from "../socket_options.ts";
import { encodeAddress } from "./unix_address.ts";

const MSG_DONTWAIT = 0x40;
const FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

const HINTS = {
  EAGAIN: "its queue is full: see the sysctl net.unix.max_dgram_qlen",
  EMSGSIZE: "a packet is larger than any buffer",
  ENOBUFS: "there is too little memory",
};

/** Sends packets as they were sent, each in one piece. The buffers get their sizes later. */
export function sendPackets(
  context: FilesContext,
  { handle, to, packets, what }: SendPackets & { readonly what: string },
): RemoteCall[] {
  const fd = descriptorOf(context, handle);
  const address = to === undefined ? undefined : encodeAddress(context, to);
  return [
    ...compileLargestBuffers(context, { fd, what: `the sender to ${what}` }),
    ...packets.map((packet) => send(context, packet, { fd, address, what })),
  ];
}

interface Transmission {
  readonly fd: number;
  /** Absent: the socket is connected. */
  readonly address: Uint8Array | undefined;
  readonly what: string;
}

function send(context: FilesContext, { bytes, rights }: SentPacket, { fd, address, what }: Transmission): RemoteCall {
  const purpose: Purpose = {
    attempt: `Cannot put ${bytes.length} bytes into the queue of ${what}`,
    hints: HINTS,
    expected: bytes.length,
  };
  if (rights.length === 0) {
    const args = [fd, bytes, bytes.length, FLAGS, address ?? 0, address?.length ?? 0];
    return remoteCall(context, "sendto", args, purpose);
  }
  const message = describeMessage(bytes, rights.map((handle) => descriptorOf(context, handle)), address);
  return remoteCall(context, "sendmsg", [fd, message, FLAGS], purpose);
}

/** `struct msghdr` of bits/socket.h, with one `struct iovec`. */
function describeMessage(bytes: Uint8Array, fds: readonly number[], address: Uint8Array | undefined): StructReference {
  const control = describeRights(fds);
  return {
    struct: words(0, address?.length ?? 0, 0, 1, 0, control.length, 0),
    pointers: [
      ...address === undefined ? [] : [[0, address] as const],
      [16, { struct: words(0, bytes.length), pointers: [[0, bytes]] }],
      [32, control],
    ],
  };
}

/** `struct cmsghdr` of bits/socket.h, with descriptors behind it. */
function describeRights(fds: readonly number[]): Uint8Array {
  const length = 16 + 4 * fds.length;
  const control = new Uint8Array(Math.ceil(length / 8) * 8);
  control.set(words(length));
  control.set(integers(SOL_SOCKET, SCM_RIGHTS, ...fds), 8);
  return control;
}
