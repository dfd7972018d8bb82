import type { Host, HostNetwork } from "../../../host/host.ts";
import type { NetContents, NetDevice, NetDeviceKind, NetNamespace } from "../../../model/namespaces.ts";
import { addressDevice, IFA_ADDRESS } from "../../../model/describe_route.ts";
import {
  CHANGEABLE_FLAGS,
  IFF_LOWER_UP,
  IFF_UP,
  MADE_KINDS,
  nameDevice,
  namePeer,
  NOBODY,
} from "../../../model/net_device.ts";
import {
  encodeAttributes,
  encodeRouteBody,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  linkHeader,
  NLM_F_CREATE,
  NLM_F_EXCL,
  numberValue,
  RTM_NEWLINK,
  RTM_SETLINK,
  textValue,
} from "../../../model/route_message.ts";
import { sitAddress } from "../../../model/sit_tunnel.ts";
import type { OuterEnd, PlanOptions } from "../../plan.ts";
import { isAtLeast } from "../kernel_version.ts";
import type { ChildDevice, DevicePair, RouteRequest } from "./net_plan.ts";

/** Facts of rtnetlink(7) (linux/if_link.h, linux/veth.h). */
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_MACVLAN_FLAGS = 2;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const AF_INET6 = 10;

/** IFF_BROADCAST, IFF_LOOPBACK and IFF_POINTOPOINT tell the kind, IFF_RUNNING, IFF_LOWER_UP and IFF_DORMANT the state. */
const DERIVED_FLAGS = 0x3_005a;

/** The loopback device is the first of every namespace (LOOPBACK_IFINDEX), with IFF_LOOPBACK alone. */
export const LOOPBACK: NetDevice = { kind: "loopback", name: "lo", index: 1, mtu: 65536, flags: 8 };

/** What a new device has (`ETH_DATA_LEN`). */
const DEFAULT_MTU = 1500;

/** How the kernel makes a link-local address for a device that has just been connected. */
const IN6_ADDR_GEN_MODE_EUI64 = 0;
const IN6_ADDR_GEN_MODE_NONE = 1;
/** What it becomes for a device without an address when that is up, with a secret that is random (`addrconf_dev_config`). */
const IN6_ADDR_GEN_MODE_RANDOM = 3;

/** Of a packet of a tun device (`struct virtio_net_hdr`). */
const SMALLEST_HEADER = 10;
const LAST_INT = 0x7fff_ffff;

/** What the user has told of devices outside. */
type DeviceOptions = Pick<PlanOptions, "outerEnds" | "parents">;

/** What planning devices has to know. */
export interface DeviceQuestions extends DeviceOptions {
  readonly network: HostNetwork | undefined;
  readonly kernel: Host["kernel"];
  /** Whether the tasks have a user namespace, in which ids have other numbers than images tell. */
  readonly hasUsers: boolean;
  /** That of their net namespace: what the user tells is of devices of the first, which is the root task's. */
  readonly number: number;
  /** The net namespaces of all tasks, by their numbers. */
  readonly nets: readonly NetNamespace[];
  /** Ids of these in theirs, by their numbers. */
  readonly ids: ReadonlyMap<number, number>;
}

/** Devices with an end outside. */
export function pairsOf(devices: readonly NetDevice[], outerEnds: readonly OuterEnd[]): DevicePair[] {
  return devices.filter(isHalfOutside).flatMap((device) => {
    const [outer] = outerEndsOf([device], outerEnds);
    return outer === undefined ? [] : [{ device, outer }];
  });
}

/**
 * What makes a pair, with the numbers of both ends, and a descriptor of the net namespace of the inner one. That takes a
 * number of the outer end (`veth_newlink`, drivers/net/veth.c).
 */
export function encodePair(
  { device, outer }: DevicePair,
  { index, network }: { readonly index: number; readonly network: number },
): Uint8Array {
  const inner = new Map([...describingAttributes(device), [IFLA_NET_NS_FD, numberValue(network)]]);
  const info = new Map([
    [IFLA_INFO_KIND, textValue(device.kind)],
    [IFLA_INFO_DATA, otherEnd(device.index, inner)],
  ]);
  const attributes = new Map([
    [IFLA_IFNAME, textValue(outer.name)],
    // It has to take the packets of the device, and need not be smaller than others: a bridge would become as small.
    [IFLA_MTU, numberValue(Math.max(device.mtu, DEFAULT_MTU))],
    [IFLA_LINKINFO, encodeAttributes(info)],
  ]);
  return encodeRouteBody({ header: linkHeader(index), attributes });
}

/** Devices with a parent outside, of which it is known. */
export function childrenOf(devices: readonly NetDevice[], questions: DeviceQuestions): ChildDevice[] {
  return devices.filter(hasOuterParent).flatMap((device) => {
    const parent = parentOf(device, questions);
    return parent === undefined ? [] : [{ device, parent }];
  });
}

/** What makes a child, with a descriptor of its net namespace. */
export function encodeChild({ device, parent }: ChildDevice, network: number): Uint8Array {
  const attributes = new Map([
    ...describingAttributes(device),
    [IFLA_LINK, numberValue(parent)],
    [IFLA_NET_NS_FD, numberValue(network)],
    [IFLA_LINKINFO, encodeAttributes(linkInfo(device, quietMacvlan(device)))],
  ]);
  return encodeRouteBody({ header: linkHeader(device.index), attributes });
}

/** What making a device is for. */
export function makingDevice(device: NetDevice): string {
  return `Cannot make ${nameDevice(device)}`;
}

/** What making a pair is for. */
export function makingPair({ device, outer }: DevicePair): string {
  return `Cannot make ${nameDevice(device)} with the other end "${outer.name}"`;
}

/** The ends outside that the devices of a namespace have. */
export function outerEndsOf(devices: readonly NetDevice[], outerEnds: readonly OuterEnd[]): OuterEnd[] {
  const inner = new Set(devices.filter(isHalfOutside).map(({ name }) => name));
  return outerEnds.filter((end) => inner.has(end.inner));
}

function isHalfOutside({ kind, peer }: NetDevice): boolean {
  return kind === "veth" && peer === undefined;
}

/** Whether a device uses one of this host. */
function hasOuterParent({ kind, peer }: NetDevice): boolean {
  return kind === "macvlan" && peer === undefined;
}

/** What the user has told of devices that are not there. */
export function notesOnOptions(net: NetNamespace | undefined, { outerEnds, parents }: DeviceOptions): string[] {
  const devices = net?.kind === "own" ? net.devices : [];
  const used = outerEndsOf(devices, outerEnds);
  const children = new Set(devices.filter(hasOuterParent).map(({ name }) => name));
  return [
    ...outerEnds.filter((end) => !used.includes(end)).map(({ inner }) => (
      `nothing in the checkpoint is the veth device "${inner}" with its other end outside: that is not made`
    )),
    ...parents.filter(({ inner }) => !children.has(inner)).map(({ inner }) => (
      `nothing in the checkpoint is the macvlan device "${inner}" with its parent outside: that is not used`
    )),
  ];
}

/** What is lost of devices. */
export function notesOnDevices(devices: readonly NetDevice[]): string[] {
  const lost: Readonly<Partial<Record<NetDeviceKind, string>>> = {
    bridge: "settings",
    tun: "offloads",
    sit: "marks and ISATAP routers",
  };
  return devices.filter(({ kind }) => lost[kind] !== undefined).map((device) => (
    `The ${lost[device.kind]} of ${nameDevice(device)} are those of a new one: images have none of it`
  ));
}

/** Why devices cannot be restored. */
export function findDeviceObstacles(devices: readonly NetDevice[], questions: DeviceQuestions): string[] {
  return [
    ...devices.flatMap((device) => deviceObstacle(device, devices)),
    ...devices.flatMap((device) => peerObstacle(device, questions)),
    ...questions.number > 0 ? devices.filter(reachesOut).map(nestedObstacle) : [
      ...devices.filter(isHalfOutside).flatMap((device) => outsideObstacle(device, questions)),
      ...outerEndsOf(devices, questions.outerEnds).flatMap((end) => outerEndObstacles(end, questions)),
    ],
    ...devices.filter(({ kind }) => kind === "macvlan").flatMap((device) => macvlanObstacles(device, questions)),
    ...devices.filter(({ kind }) => kind === "tun").flatMap((device) => tunObstacles(device, questions)),
    ...devices.filter(({ kind }) => kind === "sit").flatMap(sitObstacle),
  ];
}

function deviceObstacle(device: NetDevice, devices: readonly NetDevice[]): string[] {
  const { kind, name, index, flags, master } = device;
  const what = nameDevice(device);
  if (kind === "loopback") {
    if (name !== LOOPBACK.name || index !== LOOPBACK.index) {
      return [`${what} cannot be restored: it has number ${index}, and "lo" with number 1 is made`];
    }
  } else if (!MADE_KINDS.includes(kind)) return [`${what} cannot be restored`];
  const unknown = flags & ~(CHANGEABLE_FLAGS | DERIVED_FLAGS);
  if (unknown !== 0) return [`the flags 0x${unknown.toString(16)} of ${what} cannot be restored`];
  const isPart = master === undefined || devices.some((other) => other.index === master && other.kind === "bridge");
  return isPart
    ? []
    : [`${what} cannot be restored: it is a part of device ${master}, which is no bridge in the images`];
}

function reachesOut(device: NetDevice): boolean {
  return isHalfOutside(device) || hasOuterParent(device);
}

function nestedObstacle(device: NetDevice): string {
  return `${
    nameDevice(device)
  } is connected to a net namespace that no task is in, which only one of the root task's can be`;
}

/** What it is connected to has to be made with it. */
function peerObstacle(device: NetDevice, { number, nets }: DeviceQuestions): string[] {
  const { peer, peerNet = number } = device;
  if (peer === undefined || nets[peerNet]?.kind === "own") return [];
  return [
    `${nameDevice(device)} cannot be restored: it is connected to ${namePeer(device)}, which others have to set up`,
  ];
}

function outsideObstacle({ name }: NetDevice, { outerEnds }: DeviceQuestions): string[] {
  if (outerEnds.some(({ inner }) => inner === name)) return [];
  return [
    `the veth device "${name}" has its other end outside, which needs a name: ` +
    `--external "veth[${name}]:NAME", or "veth[${name}]:NAME@BRIDGE" to make it a part of a bridge`,
  ];
}

/** The addresses that a device in the mode for sources takes packets of are not in images. */
const MACVLAN_MODE_SOURCE = 16;
/** For private devices, for VEPA and for bridges: one can become the other, so packets can be taken later. */
const MACVLAN_MODES: readonly number[] = [1, 2, 4];

function macvlanObstacles(device: NetDevice, questions: DeviceQuestions): string[] {
  const { name, macvlan } = device;
  const parent = questions.parents.find(({ inner }) => inner === name)?.parent;
  if (macvlan === undefined || !MACVLAN_MODES.includes(macvlan.mode)) {
    return [`${nameDevice(device)} cannot be restored: its mode is ${macvlan?.mode ?? "not told"}`];
  }
  if (!hasOuterParent(device) || questions.number > 0) return [];
  if (parent === undefined) {
    return [
      `${nameDevice(device)} has its parent outside, which has to be named: --external "macvlan[${name}]:PARENT"`,
    ];
  }
  if (parentOf(device, questions) === undefined) {
    return [`"${parent}", the parent of ${nameDevice(device)}, is not there`];
  }
  return numberObstacle(device, questions);
}

/** Before that version, the kernel looks for the number of a new device where it is asked for it (`__rtnl_newlink`). */
const LOOKS_INSIDE: Host["kernel"] = [6, 15];

function numberObstacle(device: NetDevice, { kernel, network }: DeviceQuestions): string[] {
  const other = network?.devices.get(device.index);
  if (other === undefined || isAtLeast(kernel, LOOKS_INSIDE)) return [];
  return [
    `${nameDevice(device)} cannot have its number ${device.index}: on this host, "${other}" has it, ` +
    "and only Linux 6.15 and newer make one with a parent outside nevertheless",
  ];
}

function tunObstacles(device: NetDevice, { hasUsers }: DeviceQuestions): string[] {
  const { tun } = device;
  if (tun === undefined) return [nothingOf(device)];
  const { owner, group, headerSize, sendBuffer } = tun;
  const isPossible = headerSize >= SMALLEST_HEADER && headerSize <= LAST_INT && sendBuffer > 0 &&
    sendBuffer <= LAST_INT;
  const isOwned = owner !== NOBODY || group !== NOBODY;
  return [
    ...isPossible ? [] : [`${nameDevice(device)} has headers of ${headerSize} bytes, or a buffer of ${sendBuffer}`],
    ...isOwned && hasUsers
      ? [`${nameDevice(device)} cannot be restored: it has an owner, and the tasks have a user namespace`]
      : [],
  ];
}

function sitObstacle(device: NetDevice): string[] {
  if (device.sit === undefined) return [nothingOf(device)];
  const what = "it was made in another net namespace, where the packets are that have others in them";
  return device.isMoved === true ? [`${nameDevice(device)} cannot be restored: ${what}`] : [];
}

function nothingOf(device: NetDevice): string {
  return `${nameDevice(device)} cannot be restored: the images have nothing of what it is like`;
}

/** The index of the device outside that a macvlan device uses. */
function parentOf({ name }: NetDevice, { parents, network }: DeviceQuestions): number | undefined {
  const parent = parents.find(({ inner }) => inner === name)?.parent;
  return [...network?.devices ?? []].find(([, other]) => other === parent)?.[0];
}

/** Nothing is said of what could not be found out. */
function outerEndObstacles({ inner, name, bridge }: OuterEnd, { network }: DeviceQuestions): string[] {
  if (network === undefined) return [];
  const { bridges } = network;
  const names = new Set(network.devices.values());
  const isTaken = names.has(name);
  return [
    ...isTaken ? [`the other end of the veth device "${inner}" cannot be "${name}": this host has such a device`] : [],
    ...bridge === undefined ? [] : bridgeObstacle(bridge, { exists: names.has(bridge), isOne: bridges.has(bridge) }),
  ];
}

function bridgeObstacle(
  bridge: string,
  { exists, isOne }: { readonly exists: boolean; readonly isOne: boolean },
): string[] {
  if (!exists) return [`the bridge "${bridge}", which a veth device is to be connected to, is not there`];
  return isOne ? [] : [`"${bridge}", which a veth device is to be connected to, is no bridge`];
}

/**
 * Makes devices that the namespace is not born with. Those that use others come when these are there, which may be in
 * another namespace: they are made when they are set up.
 */
export function makeDevices(devices: readonly NetDevice[], questions: DeviceQuestions): RouteRequest[] {
  return orderDevices(devices).filter(({ kind }) => kind !== "macvlan")
    .flatMap((device) => makeDevice(device, questions));
}

/** Sets all devices up. */
export function setUpDevices(devices: readonly NetDevice[], questions: DeviceQuestions): RouteRequest[] {
  const ordered = orderDevices(devices);
  const loopback = devices.find(({ kind }) => kind === "loopback") ?? LOOPBACK;
  return [
    setUpDevice(loopback),
    ...ordered.filter(({ kind }) => kind === "macvlan").flatMap((device) => makeDevice(device, questions)),
    ...ordered.map((device) => setAddressMode(device, IN6_ADDR_GEN_MODE_NONE)),
    // A bridge takes the size of packets of its parts, until it gets its own.
    ...ordered.toReversed().map(setUpDevice),
  ];
}

/** Those that are made, masters before what becomes a part of them. */
function orderDevices(devices: readonly NetDevice[]): NetDevice[] {
  return devices.filter(isMade).sort((a, b) => MADE_KINDS.indexOf(a.kind) - MADE_KINDS.indexOf(b.kind));
}

/** The kernel makes link-local addresses again, unless it has made none before; comes when the addresses are there. */
export function restoreAddressModes({ devices, addresses, sysctls }: NetContents): RouteRequest[] {
  const hasOwn = (device: NetDevice) => (
    addresses.some((address) => (
      addressDevice(address) === device.index && isMadeByKernel(device, address.attributes.get(IFA_ADDRESS))
    ))
  );
  const restored = devices.filter((device) => {
    const isConnected = (device.flags & IFF_UP) !== 0 && (device.flags & IFF_LOWER_UP) !== 0;
    const settings = settingsOf(device);
    // With a secret, the kernel makes another address, and the setting has told it so.
    if (!isMade(device) || sysctls.has(`${settings}/stable_secret`)) return false;
    return !isConnected || sysctls.get(`${settings}/disable_ipv6`) !== "0" || hasOwn(device);
  });
  const random = devices.filter((device) => (
    isMade(device) && device.address === undefined && sysctls.has(`${settingsOf(device)}/stable_secret`)
  ));
  return [
    ...restored.map((device) => setAddressMode(device, IN6_ADDR_GEN_MODE_EUI64)),
    ...random.map((device) => setAddressMode(device, IN6_ADDR_GEN_MODE_RANDOM)),
  ];
}

/** Of IPv6. */
function settingsOf({ name }: NetDevice): string {
  return `net/ipv6/conf/${name}`;
}

function isMade({ kind }: NetDevice): boolean {
  return MADE_KINDS.includes(kind);
}

/** Whether the kernel makes an address of IPv6 by itself: of one of Ethernet, or of the one that a tunnel has of IPv4. */
function isMadeByKernel(device: NetDevice, address: Uint8Array | undefined): boolean {
  const { kind, sit } = device;
  if (address === undefined) return false;
  if (kind === "sit") return address.toHex().endsWith(sitAddress(sit)?.toHex() ?? "");
  return address.toHex() === linkLocalOf(device);
}

/** The address of IPv6, as digits, that the kernel makes of one of Ethernet (`addrconf_ifid_eui48`). */
function linkLocalOf({ address = new Uint8Array() }: NetDevice): string {
  const [first = 0, ...rest] = address;
  const bytes = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  return Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...bytes]).toHex();
}

/** A descriptor of the net namespace of the other end of a pair comes last. */
function makeDevice(device: NetDevice, questions: DeviceQuestions): RouteRequest[] {
  const { index, kind, peerNet } = device;
  // These are made by other means.
  if (kind === "tun" || reachesOut(device) || isMadeByPeer(device, questions)) return [];
  const attributes = new Map([
    ...describingAttributes(device),
    ...kind === "macvlan" ? parentAttributes(device, questions) : [],
    [IFLA_LINKINFO, encodeAttributes(linkInfo(device, infoOf(device, questions)))] as const,
  ]);
  return [{
    attempt: makingDevice(device),
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: encodeRouteBody({ header: linkHeader(index), attributes }),
    ...kind === "veth" && peerNet !== undefined ? { endsWithNetwork: peerNet } : {},
    tolerated: [],
  }];
}

function linkInfo({ kind }: NetDevice, data: Uint8Array | undefined): Map<number, Uint8Array> {
  return new Map([
    [IFLA_INFO_KIND, textValue(kind)],
    ...data === undefined ? [] : [[IFLA_INFO_DATA, data] as const],
  ]);
}

/** Of a pair, the first one makes the other: that of the first namespace, or with the lower number. */
function isMadeByPeer({ kind, index, peer, peerNet }: NetDevice, { number }: DeviceQuestions): boolean {
  if (kind !== "veth" || peer === undefined) return false;
  return peerNet === undefined ? peer < index : peerNet < number;
}

/** What a device of its kind has besides. */
function infoOf(device: NetDevice, { number, nets }: DeviceQuestions): Uint8Array | undefined {
  const { kind, peer, peerNet, sit } = device;
  if (sit !== undefined) return encodeAttributes(sit);
  if (kind === "macvlan") return quietMacvlan(device);
  const there = nets[peerNet ?? number];
  const other = there?.kind === "own" ? there.devices.find(({ index }) => index === peer) : undefined;
  if (kind !== "veth" || other === undefined) return undefined;
  const place = peerNet === undefined ? [] : [[IFLA_NET_NS_FD, numberValue(0)] as const];
  return otherEnd(other.index, new Map([...describingAttributes(other), ...place]));
}

/** It takes packets of nobody, since its parent may be connected to others. */
function quietMacvlan({ macvlan }: NetDevice): Uint8Array {
  return macvlanInfo(MACVLAN_MODE_SOURCE, macvlan?.flags ?? 0);
}

function macvlanInfo(mode: number, flags: number): Uint8Array {
  return encodeAttributes(
    new Map([
      [IFLA_MACVLAN_MODE, numberValue(mode)],
      [IFLA_MACVLAN_FLAGS, new Uint8Array(Uint16Array.of(flags).buffer)],
    ]),
  );
}

/** The parent is told by its index in its own namespace. */
function parentAttributes({ peer = 0, peerNet }: NetDevice, { ids }: DeviceQuestions): [number, Uint8Array][] {
  const id = peerNet === undefined ? undefined : ids.get(peerNet);
  return [
    [IFLA_LINK, numberValue(peer)],
    ...id === undefined ? [] : [[IFLA_LINK_NETNSID, numberValue(id)] as [number, Uint8Array]],
  ];
}

/** Until now, macvlan devices take packets of nobody. */
export function connectDevices(devices: readonly NetDevice[]): RouteRequest[] {
  return devices.flatMap((device) => {
    const { index, kind, macvlan } = device;
    if (macvlan === undefined) return [];
    const info = new Map([
      [IFLA_INFO_KIND, textValue(kind)],
      [IFLA_INFO_DATA, macvlanInfo(macvlan.mode, macvlan.flags)],
    ]);
    return [{
      attempt: `Cannot connect ${nameDevice(device)}`,
      type: RTM_NEWLINK,
      flags: 0,
      body: encodeRouteBody({
        header: linkHeader(index),
        attributes: new Map([[IFLA_LINKINFO, encodeAttributes(info)]]),
      }),
      tolerated: [],
    }];
  });
}

function otherEnd(index: number, attributes: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const end = encodeRouteBody({ header: linkHeader(index), attributes });
  return encodeAttributes(new Map([[VETH_INFO_PEER, end]]));
}

function describingAttributes({ name, mtu, address }: NetDevice): Map<number, Uint8Array> {
  return new Map([
    [IFLA_IFNAME, textValue(name)],
    [IFLA_MTU, numberValue(mtu)],
    ...address === undefined ? [] : [[IFLA_ADDRESS, address] as const],
  ]);
}

/** The size of packets is set before settings: the kernel derives some from it. */
function setUpDevice(device: NetDevice): RouteRequest {
  const { kind, index, flags, mtu, master, address } = device;
  // The kernel has chosen one for a device that was made without.
  const ownAddress = kind === "tun" ? address : undefined;
  return {
    attempt: `Cannot set up ${nameDevice(device)}`,
    type: RTM_SETLINK,
    flags: 0,
    body: encodeRouteBody({
      header: linkHeader(index, { value: flags & CHANGEABLE_FLAGS, mask: CHANGEABLE_FLAGS }),
      attributes: new Map([
        [IFLA_MTU, numberValue(mtu)],
        ...ownAddress === undefined ? [] : [[IFLA_ADDRESS, ownAddress] as const],
        ...master === undefined ? [] : [[IFLA_MASTER, numberValue(master)] as const],
      ]),
    }),
    tolerated: [],
  };
}

/** A device without IPv6 has none. */
function setAddressMode(device: NetDevice, mode: number): RouteRequest {
  const ofIpv6 = encodeAttributes(new Map([[IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(mode)]]));
  const families = encodeAttributes(new Map([[AF_INET6, ofIpv6]]));
  return {
    attempt: `Cannot choose how ${nameDevice(device)} gets its addresses of IPv6`,
    type: RTM_SETLINK,
    flags: 0,
    body: encodeRouteBody({ header: linkHeader(device.index), attributes: new Map([[IFLA_AF_SPEC, families]]) }),
    tolerated: ["EAFNOSUPPORT"],
  };
}
