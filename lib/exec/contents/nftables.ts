import { encodeText } from "../../text.ts";

/** Messages of netlink(7) to nftables (linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h). */
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_DELTABLE = 2;
const NFTA_TABLE_NAME = 1;
const NFPROTO_INET = 1;
/** `struct nlmsghdr`: length, type, flags, sequence and port; `struct nfgenmsg`: family, version and subsystem. */
const HEADER_SIZE = 16;
const GENERIC_SIZE = 4;
const ATTRIBUTE_HEADER_SIZE = 4;

/** The request to delete a table of the family inet, which is answered; nftables takes changes in batches only. */
export function deleteTable(name: string): Uint8Array<ArrayBuffer> {
  const subsystem = NFNL_SUBSYS_NFTABLES;
  return new Uint8Array([
    ...encodeMessage({ type: NFNL_MSG_BATCH_BEGIN, flags: NLM_F_REQUEST, family: 0, subsystem }),
    ...encodeMessage({
      type: subsystem << 8 | NFT_MSG_DELTABLE,
      flags: NLM_F_REQUEST | NLM_F_ACK,
      family: NFPROTO_INET,
      subsystem: 0,
      attribute: encodeName(name),
    }),
    ...encodeMessage({ type: NFNL_MSG_BATCH_END, flags: NLM_F_REQUEST, family: 0, subsystem }),
  ]);
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly family: number;
  readonly subsystem: number;
  readonly attribute?: Uint8Array;
}

function encodeMessage({ type, flags, family, subsystem, attribute = new Uint8Array() }: Message): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + GENERIC_SIZE + attribute.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint8(HEADER_SIZE, family);
  view.setUint16(HEADER_SIZE + 2, subsystem);
  bytes.set(attribute, HEADER_SIZE + GENERIC_SIZE);
  return bytes;
}

/** The attribute begins with its length, and ends at a multiple of 4. */
function encodeName(name: string): Uint8Array {
  const text = encodeText(`${name}\0`);
  const length = ATTRIBUTE_HEADER_SIZE + text.length;
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, NFTA_TABLE_NAME, true);
  bytes.set(text, ATTRIBUTE_HEADER_SIZE);
  return bytes;
}

/** The errno that an answer tells; 0 for success. */
export function errorOf(answer: Uint8Array): number {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  if (view.getUint16(4, true) !== NLMSG_ERROR) throw new RangeError("Cannot use an answer of nftables: it is none");
  return -view.getInt32(HEADER_SIZE, true);
}
