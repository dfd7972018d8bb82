import { parseAttributes } from "./route_message.ts";

/** Size of `struct nfgenmsg`, which comes before the attributes. */
const HEADER_SIZE = 4;
/** Attributes, each in the one before, and of the last, both ways (linux/netfilter/nfnetlink_conntrack.h). */
const CTA_PROTOINFO = 4;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_FLAGS: readonly number[] = [4, 5];
/** Has the kernel not look at the numbers of packets (linux/netfilter/nf_conntrack_tcp.h). */
const IP_CT_TCP_FLAG_BE_LIBERAL = 0x8;

/**
 * A connection that the kernel is to track again, from what it told of it. It told nothing of the windows of TCP: it has
 * to do without them.
 *
 * @throws {RangeError} when the bytes are no such message
 */
export function withoutWindows(connection: Uint8Array): Uint8Array {
  if (connection.length < HEADER_SIZE) throw new RangeError("Cannot read a connection: it is too short");
  const body = connection.slice();
  const inside = (bytes: Uint8Array | undefined) => parseAttributes(bytes ?? new Uint8Array(), 0);
  const tcp = inside(inside(inside(body.subarray(HEADER_SIZE)).get(CTA_PROTOINFO)).get(CTA_PROTOINFO_TCP));
  for (const type of CTA_PROTOINFO_TCP_FLAGS) {
    // `struct nf_ct_tcp_flags`: which are set, and which of them are meant.
    tcp.get(type)?.forEach((byte, index, flags) => flags[index] = byte | IP_CT_TCP_FLAG_BE_LIBERAL);
  }
  return body;
}
