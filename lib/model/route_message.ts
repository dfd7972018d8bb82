import { cString } from "../text.ts";

/**
 * A message of rtnetlink(7) that tells of a device, an address, a route or a rule; one of ctnetlink, that of a
 * connection, is all header.
 */
export interface RouteMessage {
  /** RTM_*, CTNETLINK_NEW */
  readonly type: number;
  /** The structure that it begins with: `struct ifaddrmsg`, `struct rtmsg` and the like. */
  readonly header: Uint8Array;
  /** By type: IFA_*, RTA_*, FRA_*. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/** Types of messages (linux/rtnetlink.h, linux/netlink.h). */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const RTM_NEWLINK = 16;
export const RTM_NEWADDR = 20;
export const RTM_NEWROUTE = 24;
export const RTM_NEWRULE = 32;
/** NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_NEW (linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h). */
export const CTNETLINK_NEW = 1 << 8;

/** Attributes of a device (linux/if_link.h). */
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
export const IFLA_LINK_NETNSID = 37;
/** The kind of a device, and what is of that kind, in its IFLA_LINKINFO. */
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
/** Ask for a device to be described or set up (linux/rtnetlink.h). */
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
/** Of ids that net namespaces have in another one (linux/rtnetlink.h, linux/net_namespace.h). */
export const RTM_NEWNSID = 88;
export const RTM_GETNSID = 90;
export const NETNSA_NSID = 1;
export const NETNSA_FD = 3;
/** The table of routes that is used where none is named (linux/rtnetlink.h). */
export const RT_TABLE_MAIN = 254;

/** Of a request: what is not there is made, and must not be there (linux/netlink.h). */
export const NLM_F_CREATE = 0x400;
export const NLM_F_EXCL = 0x200;

/** `struct rtgenmsg`, with the bytes that align what follows. */
export const ID_HEADER_SIZE = 4;
/** `struct nlmsghdr`: length, type, flags, sequence and port. */
export const MESSAGE_HEADER_SIZE = 16;
/** `struct ifinfomsg`, `struct ifaddrmsg`, `struct rtmsg`, `struct fib_rule_hdr` and `struct rtgenmsg`. */
const HEADER_SIZES: ReadonlyMap<number, number> = new Map([
  [RTM_NEWLINK, 16],
  [RTM_NEWADDR, 8],
  [RTM_NEWROUTE, 12],
  [RTM_NEWRULE, 12],
  [RTM_NEWNSID, ID_HEADER_SIZE],
]);
/** `struct rtattr`: length and type; some types are marked as nested or in the order of the network. */
const ATTRIBUTE_HEADER_SIZE = 4;
const TYPE_MASK = 0x3fff;

/**
 * Reads messages that follow each other, up to the end or to zeros.
 *
 * @throws {RangeError} when the bytes are none
 */
export function parseRouteMessages(bytes: Uint8Array): RouteMessage[] {
  const messages: RouteMessage[] = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    const length = view.byteLength < MESSAGE_HEADER_SIZE ? -1 : view.getUint32(0, true);
    if (length === 0) break;
    if (length < MESSAGE_HEADER_SIZE || length > view.byteLength) {
      throw new RangeError(`Cannot read a message at offset ${at}: it has no end`);
    }
    messages.push(parseMessage(view.getUint16(4, true), bytes.subarray(at + MESSAGE_HEADER_SIZE, at + length), at));
    at += aligned(length);
  }
  return messages;
}

function parseMessage(type: number, payload: Uint8Array, at: number): RouteMessage {
  const size = HEADER_SIZES.get(type) ?? payload.length;
  if (payload.length < size) throw new RangeError(`Cannot read the message at offset ${at}: it is too short`);
  return { type, header: payload.subarray(0, size), attributes: parseAttributes(payload.subarray(aligned(size)), at) };
}

/**
 * Reads attributes; `at` is where their message begins, for errors.
 *
 * @throws {RangeError} when the bytes are none
 */
export function parseAttributes(bytes: Uint8Array, at: number): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  for (let start = 0; start < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
    const length = view.byteLength < ATTRIBUTE_HEADER_SIZE ? 0 : view.getUint16(0, true);
    if (length < ATTRIBUTE_HEADER_SIZE || length > view.byteLength) {
      throw new RangeError(`Cannot read the message at offset ${at}: an attribute does not fit into it`);
    }
    attributes.set(view.getUint16(2, true) & TYPE_MASK, bytes.subarray(start + ATTRIBUTE_HEADER_SIZE, start + length));
    start += aligned(length);
  }
  return attributes;
}

/** What follows the header of the message, as bytes. */
export function encodeRouteBody({ header, attributes }: Omit<RouteMessage, "type">): Uint8Array {
  return Uint8Array.from([...header, ...encodeAttributes(attributes)]);
}

/** Attributes behind each other; they may be the value of another one. */
export function encodeAttributes(attributes: RouteMessage["attributes"]): Uint8Array {
  const parts = [...attributes].map(([type, value]) => {
    const bytes = new Uint8Array(aligned(ATTRIBUTE_HEADER_SIZE + value.length));
    const view = new DataView(bytes.buffer);
    view.setUint16(0, ATTRIBUTE_HEADER_SIZE + value.length, true);
    view.setUint16(2, type, true);
    bytes.set(value, ATTRIBUTE_HEADER_SIZE);
    return bytes;
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A number of 32 bits as the value of an attribute. */
export function numberValue(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** A text with its NUL as the value of an attribute. */
export function textValue(text: string): Uint8Array {
  return cString(text);
}

/** `struct ifinfomsg`, of the device with this index, or any with 0; which flags are changed, and to what. */
export function linkHeader(index: number, flags = { value: 0, mask: 0 }): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setInt32(4, index, true);
  view.setUint32(8, flags.value, true);
  view.setUint32(12, flags.mask, true);
  return new Uint8Array(view.buffer);
}

/** Everything begins at a multiple of 4 (`NLMSG_ALIGN`, `RTA_ALIGN`). */
export function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** A number of 32 bits in an attribute, or in a header. */
export function numberAt(bytes: Uint8Array | undefined, offset = 0): number | undefined {
  if (bytes === undefined || bytes.length < offset + 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(offset, true);
}
