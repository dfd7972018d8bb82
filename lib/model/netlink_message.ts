import { MESSAGE_HEADER_SIZE, NLMSG_ERROR } from "./route_message.ts";

/** Messages of netlink(7) (linux/netlink.h). */
export const AF_NETLINK = 16;
/** Families, which are what a socket is for. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const SOCK_RAW = 3;
export const MSG_DONTWAIT = 0x40;
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
/** Asks for a list. */
export const NLM_F_DUMP = 0x300;

/** Room for an answer, which quotes what it answers. */
export const ANSWER_SIZE = 1024;

export interface NetlinkMessage {
  readonly type: number;
  /** NLM_F_* */
  readonly flags: number;
  /** Its size is a multiple of 4. */
  readonly body: Uint8Array;
}

export function encodeNetlink({ type, flags, body }: NetlinkMessage): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(MESSAGE_HEADER_SIZE + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  bytes.set(body, MESSAGE_HEADER_SIZE);
  return bytes;
}

/** The errno that an answer tells; 0 for success. */
export function errorOf(answer: Uint8Array): number {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  if (view.getUint16(4, true) !== NLMSG_ERROR) throw new RangeError("Cannot use an answer of the kernel: it is none");
  return -view.getInt32(MESSAGE_HEADER_SIZE, true);
}
