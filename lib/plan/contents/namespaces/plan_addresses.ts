import {
  addressDevice,
  addressFlags,
  IFA_ADDRESS,
  IFA_FLAGS,
  IFA_LOCAL,
  isTemporary,
  nameAddress,
} from "../../../model/describe_route.ts";
import type { NetContents, NetDevice } from "../../../model/namespaces.ts";
import { IFF_POINTOPOINT, IFF_UP } from "../../../model/net_device.ts";
import {
  encodeRouteBody,
  NLM_F_CREATE,
  numberValue,
  type RouteMessage,
  RTM_NEWADDR,
} from "../../../model/route_message.ts";
import { sitAddress } from "../../../model/sit_tunnel.ts";
import { attributeObstacle } from "./attribute_obstacle.ts";
import type { RouteRequest } from "./net_plan.ts";
import { LOOPBACK, restoreAddressModes } from "./plan_devices.ts";

/** Facts of rtnetlink(7) (linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h). */
const RTM_DELADDR = 21;
const NLM_F_REPLACE = 0x100;
const IFA_F_NODAD = 0x2;
const IFA_F_DADFAILED = 0x8;
const IFA_F_TENTATIVE = 0x40;
const AF_INET = 2;
const AF_INET6 = 10;
const RT_SCOPE_UNIVERSE = 0;

/** Attributes that can be given back as they are (linux/if_addr.h). */
const ADDRESS_ATTRIBUTES: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 8, 9, 11]);

/** What the kernel gives the loopback device when it is set up. */
const OF_LOOPBACK: readonly RouteMessage[] = [
  {
    type: RTM_NEWADDR,
    header: Uint8Array.of(AF_INET, 8, 0, 254, 1, 0, 0, 0),
    attributes: new Map([[IFA_LOCAL, Uint8Array.of(127, 0, 0, 1)]]),
  },
  {
    type: RTM_NEWADDR,
    header: Uint8Array.of(AF_INET6, 128, 0, 254, 1, 0, 0, 0),
    attributes: new Map([[IFA_ADDRESS, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)]]),
  },
];

/** Why addresses cannot be restored; `indices` are those of the devices that there are. */
export function findAddressObstacles({ addresses }: NetContents, indices: ReadonlySet<number>): string[] {
  return addresses.flatMap((address) => addressObstacle(address, indices));
}

function addressObstacle(address: RouteMessage, devices: ReadonlySet<number>): string[] {
  const what = `the address ${nameAddress(address)}`;
  const device = addressDevice(address);
  if (!devices.has(device)) return [`${what} cannot be restored: it is one of device ${device}, which is not there`];
  return attributeObstacle(address, { what, known: ADDRESS_ATTRIBUTES });
}

/** What addresses become others. */
export function notesOnAddresses({ addresses }: NetContents): string[] {
  return addresses.filter(isTemporary).map((address) => (
    `The address ${nameAddress(address)} is none of the temporary ones any more: packets come from others that are made`
  ));
}

/** Gives devices that are set up their addresses. */
export function addAddresses(net: NetContents): RouteRequest[] {
  const { devices, addresses } = net;
  const automatic = devices.flatMap(automaticAddresses);
  const isAutomatic = (address: RouteMessage) => automatic.some((other) => isSame(other, address));
  return [
    ...automatic.flatMap((address) => removeUnless(addresses, address)),
    ...orderAddresses(addresses).flatMap((address) => addAddress(address, isAutomatic(address))),
    ...restoreAddressModes(net),
  ];
}

/** Of IPv6, the newest comes first (`ipv6_link_dev_addr`), and packets come from that one where others would do. */
function orderAddresses(addresses: readonly RouteMessage[]): RouteMessage[] {
  const isSix = ({ header }: RouteMessage) => header[0] === AF_INET6;
  return [...addresses.filter((address) => !isSix(address)), ...addresses.filter(isSix).reverse()];
}

/**
 * What the kernel gives a device when it is set up, however that is to get its addresses: a tunnel without another end
 * gets one that all of IPv4 is the network of (`add_v4_addrs`).
 */
function automaticAddresses(device: NetDevice): RouteMessage[] {
  const { kind, index, flags, sit } = device;
  if ((flags & IFF_UP) === 0) return [];
  if (kind === "loopback") return [...OF_LOOPBACK];
  const inner = sitAddress(sit);
  if (inner === undefined || (flags & IFF_POINTOPOINT) !== 0) return [];
  const header = Uint8Array.of(AF_INET6, 96, 0, RT_SCOPE_UNIVERSE, ...numberValue(index));
  const address = Uint8Array.from([...new Uint8Array(12), ...inner]);
  return [{ type: RTM_NEWADDR, header, attributes: new Map([[IFA_ADDRESS, address]]) }];
}

function isSame(one: RouteMessage, other: RouteMessage): boolean {
  return addressDevice(one) === addressDevice(other) && nameAddress(one) === nameAddress(other);
}

/** A kernel without IPv6 has no address of it to remove. */
function removeUnless(wanted: readonly RouteMessage[], automatic: RouteMessage): RouteRequest[] {
  const name = nameAddress(automatic);
  if (wanted.some((address) => isSame(address, automatic))) return [];
  return [{
    attempt: `Cannot remove the address ${name}`,
    type: RTM_DELADDR,
    flags: 0,
    body: encodeRouteBody(automatic),
    tolerated: ["EADDRNOTAVAIL", "ENODEV", "EOPNOTSUPP"],
  }];
}

/**
 * An address of IPv6 can be used when nobody else has been found to have it, which takes a second, and a device that is
 * connected. Sockets need it at once, so it is made as one for which nobody is asked, and then becomes what it was.
 */
function addAddress(address: RouteMessage, mayExist: boolean): RouteRequest[] {
  const flags = addressFlags(address);
  const isChecked = (flags & (IFA_F_NODAD | IFA_F_TENTATIVE | IFA_F_DADFAILED)) === 0;
  const isAsked = address.header[0] === AF_INET6 && addressDevice(address) !== LOOPBACK.index;
  if (!isAsked || !isChecked) return [requestAddress(address, mayExist)];
  const unasked = new Map([...address.attributes, [IFA_FLAGS, numberValue(flags | IFA_F_NODAD)] as const]);
  const request = requestAddress({ ...address, attributes: unasked }, mayExist);
  return [request, { ...requestAddress(address), flags: NLM_F_REPLACE }];
}

function requestAddress(address: RouteMessage, mayExist = false): RouteRequest {
  return {
    attempt: `Cannot add the address ${nameAddress(address)}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE,
    body: encodeRouteBody(address),
    tolerated: mayExist ? ["EEXIST"] : [],
  };
}
