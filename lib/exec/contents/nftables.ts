import { encodeNetlink, NLM_F_ACK, NLM_F_REQUEST } from "../../model/netlink_message.ts";
import { cString } from "../../text.ts";

/** Messages of netlink(7) to nftables (linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h). */
const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_DELTABLE = 2;
const NFTA_TABLE_NAME = 1;
const NFPROTO_INET = 1;
const ATTRIBUTE_HEADER_SIZE = 4;

/** The request to delete a table of the family inet, which is answered; nftables takes changes in batches only. */
export function deleteTable(name: string): Uint8Array<ArrayBuffer> {
  const body = encodeGeneric(0, NFNL_SUBSYS_NFTABLES);
  return new Uint8Array([
    ...encodeNetlink({ type: NFNL_MSG_BATCH_BEGIN, flags: NLM_F_REQUEST, body }),
    ...encodeNetlink({
      type: NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE,
      flags: NLM_F_REQUEST | NLM_F_ACK,
      body: Uint8Array.of(...encodeGeneric(NFPROTO_INET, 0), ...encodeName(name)),
    }),
    ...encodeNetlink({ type: NFNL_MSG_BATCH_END, flags: NLM_F_REQUEST, body }),
  ]);
}

/** `struct nfgenmsg`: family, version and, in the order of the network, subsystem. */
function encodeGeneric(family: number, subsystem: number): Uint8Array {
  return Uint8Array.of(family, 0, 0, subsystem);
}

/** The attribute begins with its length, and ends at a multiple of 4. */
function encodeName(name: string): Uint8Array {
  const text = cString(name);
  const length = ATTRIBUTE_HEADER_SIZE + text.length;
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, NFTA_TABLE_NAME, true);
  bytes.set(text, ATTRIBUTE_HEADER_SIZE);
  return bytes;
}
