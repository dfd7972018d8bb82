import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type NetDeviceEntry, type NetnsEntry, readNetDeviceEntry, readNetnsEntry } from "../../lib/gen/net.ts";
import type { NetContents, NetDevice } from "../../lib/model/namespaces.ts";
import {
  encodeRouteBody,
  type RouteMessage,
  RTM_NEWADDR,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from "../../lib/model/route_message.ts";
import { MessageReader } from "../../lib/wire/message_reader.ts";
import { net_device_entrySchema, netns_entrySchema } from "../gen/net_pb.ts";

export const LOOPBACK_DEVICE = { kind: "loopback", name: "lo", index: 1, mtu: 65536, flags: 0x10049 } as const;

/** Its other end is outside. */
export const VETH_DEVICE: NetDevice = {
  ...{ kind: "veth", name: "eth0", index: 2, mtu: 1500, flags: 0x1_1043 },
  address: Uint8Array.of(2, 0, 0, 0, 0, 2),
};

/** What a net namespace has in which the loopback device was set up. */
export function aNet(parts: Partial<NetContents> = {}): NetContents {
  return {
    kind: "own",
    sysctls: new Map(),
    devices: [LOOPBACK_DEVICE],
    addresses: [LOCAL_ADDRESS, LOCAL_ADDRESS_6],
    routes: [],
    filters: [],
    tracked: [],
    expectsConnections: false,
    ids: new Map(),
    ...parts,
  };
}

/** An address of a device, by its index: of the loopback device. */
export function anAddress(address: readonly number[], prefix: number, device = 1): RouteMessage {
  const bytes = Uint8Array.from(address);
  const header = Uint8Array.of(bytes.length === 4 ? 2 : 10, prefix, 0x80, 254, device, 0, 0, 0);
  return { type: RTM_NEWADDR, header, attributes: new Map([[bytes.length === 4 ? 2 : 1, bytes]]) };
}

export const LOCAL_ADDRESS = anAddress([127, 0, 0, 1], 8);
export const LOCAL_ADDRESS_6 = anAddress([...new Array(15).fill(0), 1], 128);

/** A route of IPv4, with attributes of its own. */
export function aRoute(
  destination: readonly number[],
  prefix: number,
  attributes: Readonly<Record<number, readonly number[]>> = {},
): RouteMessage {
  const own = Object.entries(attributes).map(([type, value]) => [Number(type), Uint8Array.from(value)] as const);
  return {
    type: RTM_NEWROUTE,
    header: Uint8Array.of(2, prefix, 0, 0, 254, 3, 253, 1, 0x10, 0, 0, 0),
    attributes: new Map([[1, Uint8Array.from(destination)], ...own]),
  };
}

/** A rule for routes of IPv4: what is told of its header and its attributes, else to the main table for all packets. */
export function aRule(
  parts: { readonly header?: readonly number[]; readonly attributes?: Readonly<Record<number, readonly number[]>> },
): RouteMessage {
  const { header = [2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0], attributes = {} } = parts;
  const all = { 14: [255, 255, 255, 255], 15: [254, 0, 0, 0], 21: [2], ...attributes };
  return {
    type: RTM_NEWRULE,
    header: Uint8Array.from(header),
    attributes: new Map(Object.entries(all).map(([type, value]) => [Number(type), Uint8Array.from(value)])),
  };
}

/** The rules of a new namespace, as the kernel tells them. */
export const DEFAULT_RULES_TOLD = [
  aRule({ header: [2, 0, 0, 0, 255, 0, 0, 1, 0, 0, 0, 0], attributes: { 15: [255, 0, 0, 0] } }),
  aRule({ attributes: { 6: [0xfe, 0x7f, 0, 0] } }),
  aRule({ header: [2, 0, 0, 0, 253, 0, 0, 1, 0, 0, 0, 0], attributes: { 6: [0xff, 0x7f, 0, 0], 15: [253, 0, 0, 0] } }),
];

/** What ip(8) saves. */
export function saved(magic: number, messages: readonly RouteMessage[]): Uint8Array {
  const parts = messages.map((message) => {
    const body = encodeRouteBody(message);
    const header = new Uint8Array(Uint32Array.of(16 + body.length, message.type, 0, 0).buffer);
    return [...header, ...body];
  });
  return Uint8Array.from([...new Uint8Array(Uint32Array.of(magic).buffer), ...parts.flat()]);
}

export function aNetnsEntry(init: MessageInitShape<typeof netns_entrySchema>): NetnsEntry {
  return readNetnsEntry(new MessageReader(toBinary(netns_entrySchema, create(netns_entrySchema, init))));
}

export function aNetDeviceEntry(init: MessageInitShape<typeof net_device_entrySchema> = {}): NetDeviceEntry {
  const device = { type: 1, ifindex: 1, mtu: 65536, flags: 0x10049, name: "lo", ...init };
  return readNetDeviceEntry(
    new MessageReader(toBinary(net_device_entrySchema, create(net_device_entrySchema, device))),
  );
}
