import type { NetDevice, NetDeviceKind } from "./namespaces.ts";
import { countNetNamespace } from "./net_numbers.ts";
import { describeSit } from "./sit_tunnel.ts";

/** Flags of a device that can be set (`__dev_change_flags`): the others follow from its kind, and from its surroundings. */
export const CHANGEABLE_FLAGS = 0xf3a5;
/** IFF_UP, IFF_POINTOPOINT and IFF_LOWER_UP (linux/if.h). */
export const IFF_UP = 1;
export const IFF_POINTOPOINT = 0x10;
export const IFF_LOWER_UP = 0x1_0000;

/** Kinds that can be made again, which the kernel calls the same; masters before what becomes a part of them. */
export const MADE_KINDS: readonly NetDeviceKind[] = ["bridge", "veth", "macvlan", "tun", "sit"];

/** A tun device stays without users (linux/if_tun.h). */
export const IFF_PERSIST = 0x800;
/** Uid and gid of the owner of a tun device that has none. */
export const NOBODY = -1;

/** Kinds of devices that are connected to another one; of other kinds, they are connected to themselves in images. */
export const CONNECTED_KINDS: readonly NetDeviceKind[] = ["veth", "macvlan"];

/** Whether a device can have that name (`dev_valid_name`); the kernel makes another one of a name with a percent sign. */
export function isDeviceName(name: string): boolean {
  return /^[^\s/:%]{1,15}$/.test(name) && name !== "." && name !== "..";
}

/** `the veth device "eth0"` */
export function nameDevice({ kind, name }: Pick<NetDevice, "kind" | "name">): string {
  return `the ${kind} device ${JSON.stringify(name)}`;
}

/** All that matters of a device, for comparing. */
export function describeDevice(device: NetDevice): string {
  const { kind, index, mtu, flags, address, master, sit } = device;
  return [
    `${kind}, number ${index}, mtu ${mtu}, flags 0x${(flags & CHANGEABLE_FLAGS).toString(16)}`,
    ...address === undefined ? [] : [`address ${address.toHex()}`],
    ...master === undefined ? [] : [`part of device ${master}`],
    ...device.peer === undefined ? [] : [`connected to ${namePeer(device)}`],
    ...sit === undefined ? [] : [`tunnel ${describeSit(sit)}`],
  ].join(", ");
}

/** `device 5`, `device 5 of net namespace 2`: what the device is connected to. */
export function namePeer({ peer, peerNet }: Pick<NetDevice, "peer" | "peerNet">): string {
  return `device ${peer}${peerNet === undefined ? "" : ` of ${countNetNamespace(peerNet)}`}`;
}
