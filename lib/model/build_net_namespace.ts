import type { Problem } from "../errors.ts";
import type { NetDeviceEntry } from "../gen/net.ts";
import type { TunLinkEntry } from "../gen/tun.ts";
import type { ForeignNetImage, NetImages } from "../image/content_images.ts";
import { decodeText } from "../text.ts";
import { nextHopsOf } from "./describe_route.ts";
import type { NetContents, NetDevice, NetDeviceKind, NetNamespace, TunDevice } from "./namespaces.ts";
import { CONNECTED_KINDS, isDeviceName, nameDevice } from "./net_device.ts";
import {
  IPV4_SETTINGS,
  IPV6_SETTINGS,
  nameSettings,
  OTHER_IPV4_SETTINGS,
  type SettingsList,
  UNIX_SETTINGS,
} from "./net_settings.ts";
import type { NetworkLock } from "./network_lock.ts";
import { readIptables, readNftables } from "./packet_filters.ts";
import { areDefault, DEFAULT_RULES } from "./route_rule.ts";
import {
  CTNETLINK_NEW,
  numberAt,
  parseRouteMessages,
  type RouteMessage,
  RTM_NEWADDR,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from "./route_message.ts";
import { buildSit, hasWholeAddresses } from "./sit_tunnel.ts";
import { withoutWindows } from "./tracked_connection.ts";

/**
 * First word of what ip(8) saves (ip/ipaddress.c, ip/iproute.c and ip/iprule.c of iproute2), and of what messages it is.
 * Connections that are tracked are CRIU's own, without such a word (`dump_nf_ct`, criu/net.c).
 */
const SAVED = {
  ifaddr: { magic: 0x47361222, type: RTM_NEWADDR },
  route: { magic: 0x45311224, type: RTM_NEWROUTE },
  route6: { magic: 0x45311224, type: RTM_NEWROUTE },
  rule: { magic: 0x71706986, type: RTM_NEWRULE },
  "netns-ct": { magic: undefined, type: CTNETLINK_NEW },
} as const;

/** `nd_type` of images/netdev.proto. */
const DEVICE_KINDS: ReadonlyMap<number, NetDeviceKind> = new Map([
  [1, "loopback"],
  [2, "veth"],
  [3, "tun"],
  [4, "external"],
  [5, "venet"],
  [6, "bridge"],
  [7, "macvlan"],
  [8, "sit"],
]);

/** What the building of a net namespace has to know. */
export interface NetContext {
  /** What the dump may have left in its packet filters. */
  readonly lock: NetworkLock | undefined;
  readonly problems: Problem[];
}

/**
 * What a net namespace has, as far as images tell.
 *
 * @param siblings what the images of the net namespaces of all tasks have as their numbers in their names, by the
 *   numbers of these
 */
export function buildNetNamespace(
  images: NetImages,
  { siblings, ...context }: NetContext & { readonly siblings: readonly number[] },
): NetNamespace {
  const { netns, devices, foreign } = images;
  if (netns?.extKey !== undefined) return { kind: "external", key: netns.extKey };
  if (netns === undefined && devices.length === 0) return { kind: "empty" };
  const saved = (type: keyof typeof SAVED) => readSaved(images, type, context.problems);
  return {
    kind: "own",
    sysctls: buildSettings(images, context.problems),
    devices: buildDevices(images, siblings, context.problems),
    addresses: saved("ifaddr"),
    routes: [...saved("route"), ...saved("route6")],
    ...buildRules(foreign.has("rule") ? saved("rule") : DEFAULT_RULES),
    filters: buildFilters(foreign, context.lock),
    tracked: readTracked(images, context.problems),
    expectsConnections: findsExpected(images, context.problems),
    ids: buildIds(images, siblings, context.problems),
  };
}

/** Each namespace has one id, and each id is one of a namespace (`rtnl_net_newid`, net/core/net_namespace.c). */
function buildIds({ number, netns }: NetImages, siblings: readonly number[], problems: Problem[]): Map<number, number> {
  const ids = new Map<number, number>();
  for (const { targetNsId, netnsidValue: id } of netns?.nsids ?? []) {
    const complain = (what: string) => problems.push({ where: `netns-${number}.img`, what });
    const target = siblings.indexOf(targetNsId);
    const isTaken = ids.has(target) || new Set(ids.values()).has(id);
    if (target === -1) complain(`its id ${id} is one for namespace ${targetNsId}, which no task is in`);
    else if (id < 0 || isTaken) complain(`its id ${id} for namespace ${targetNsId} cannot be one`);
    else ids.set(target, id);
  }
  return ids;
}

/** Old kernels, and old versions of ip(8), tell nothing of rules. */
function buildRules(rules: readonly RouteMessage[]): Pick<NetContents, "rules"> {
  return areDefault(rules) ? {} : { rules };
}

function listSettings({ netns, devices }: NetImages): SettingsList[] {
  const places = [
    ["all", netns?.allConf4, netns?.allConf6],
    ["default", netns?.defConf4, netns?.defConf6],
    ...devices.map(({ name, conf4, conf6 }) => [name, conf4, conf6] as const),
  ] as const;
  return [
    ...places.flatMap(([place, conf4 = [], conf6 = []]) => [
      { directory: `net/ipv4/conf/${place}`, names: IPV4_SETTINGS, entries: conf4 },
      { directory: `net/ipv6/conf/${place}`, names: IPV6_SETTINGS, entries: conf6 },
    ]),
    { directory: "net/unix", names: UNIX_SETTINGS, entries: netns?.unixConf ?? [] },
    { directory: "net/ipv4", names: OTHER_IPV4_SETTINGS, entries: netns?.ipv4Sysctl ?? [] },
  ];
}

function buildSettings(images: NetImages, problems: Problem[]): Map<string, string> {
  const { number, netns, devices } = images;
  const lists = listSettings(images);
  const complain = (what: string) => problems.push({ where: `netns-${number}.img`, what });
  if (netns?.defConf.length || netns?.allConf.length || devices.some(({ conf }) => conf.length > 0)) {
    complain("its settings are in a form that only old versions of CRIU have");
  }
  for (const { directory, names, entries } of lists) {
    if (entries.length <= names.length) continue;
    complain(`it has ${entries.length} settings of ${directory}, of which ${names.length} are known`);
  }
  return new Map(lists.flatMap(nameSettings));
}

function buildDevices({ number, devices }: NetImages, siblings: readonly number[], problems: Problem[]): NetDevice[] {
  const built = devices.map((device) => buildDevice(device, { number, siblings }));
  const complain = (what: string) => problems.push({ where: `netdev-${number}.img`, what });
  for (const device of built) {
    const { name, index, sit } = device;
    if (!isDeviceName(name)) complain(`no device can have the name ${JSON.stringify(name.slice(0, 80))}`);
    if (sit !== undefined && !hasWholeAddresses(sit)) complain(`${nameDevice(device)} has an address that is none`);
    const isTwin = built.some((other) => other !== device && (other.name === name || other.index === index));
    if (isTwin) complain(`another device has the name or the number of ${nameDevice(device)}`);
  }
  return built;
}

function buildDevice(entry: NetDeviceEntry, place: DevicePlace): NetDevice {
  const { type, name, ifindex, mtu, flags, address, master, macvlan, tun, sit } = entry;
  const kind = DEVICE_KINDS.get(type) ?? "other";
  return {
    ...{ kind, name, index: ifindex, mtu, flags },
    ...address === undefined ? {} : { address },
    ...master === undefined ? {} : { master },
    ...CONNECTED_KINDS.includes(kind) ? peerOf(entry, place) : {},
    ...macvlan === undefined ? {} : { macvlan: { mode: macvlan.mode, flags: macvlan.flags ?? 0 } },
    ...tun === undefined ? {} : { tun: buildTun(tun) },
    ...sit === undefined ? {} : { sit: buildSit(sit) },
    ...kind === "sit" && isElsewhere(entry, place) ? { isMoved: true } : {},
  };
}

/** The namespace of the images with this number, and those of all. */
interface DevicePlace {
  readonly number: number;
  readonly siblings: readonly number[];
}

/** The namespace itself has the number of its image as the one of the other end. */
function peerOf(
  { peerIfindex, peerNsid }: NetDeviceEntry,
  { number, siblings }: DevicePlace,
): Pick<NetDevice, "peer" | "peerNet"> {
  if (peerIfindex === undefined || peerNsid === undefined) return {};
  return { peer: peerIfindex, ...peerNsid === number ? {} : { peerNet: siblings.indexOf(peerNsid) } };
}

/** Old kernels do not tell of any other end, not even that it is here. */
function isElsewhere({ peerIfindex, peerNsid }: NetDeviceEntry, { number }: DevicePlace): boolean {
  return peerIfindex !== undefined && peerNsid !== number;
}

function buildTun({ flags, owner, group, vnethdr, sndbuf }: TunLinkEntry): TunDevice {
  return { flags, owner, group, headerSize: vnethdr, sendBuffer: sndbuf };
}

function readSaved({ number, foreign }: NetImages, type: keyof typeof SAVED, problems: Problem[]): RouteMessage[] {
  const bytes = foreign.get(type);
  if (bytes === undefined) return [];
  const complain = (what: string) => {
    problems.push({ where: `${type}-${number}.img`, what });
    return [];
  };
  const { magic, type: expected } = SAVED[type];
  if (magic !== undefined && numberAt(bytes) !== magic) return complain("it is not what ip(8) saves");
  return orComplain(complain, () => {
    const messages = parseRouteMessages(magic === undefined ? bytes : bytes.subarray(4));
    const other = messages.find((message) => message.type !== expected);
    if (expected === RTM_NEWROUTE) messages.forEach(nextHopsOf);
    return other === undefined ? messages : complain(`it has a message of type ${other.type}, not ${expected}`);
  });
}

function readTracked(images: NetImages, problems: Problem[]): Uint8Array[] {
  const messages = readSaved(images, "netns-ct", problems);
  const complain = (what: string) => {
    problems.push({ where: `netns-ct-${images.number}.img`, what });
    return [];
  };
  return orComplain(complain, () => messages.map(({ header }) => withoutWindows(header)));
}

/** CRIU 4.2 has there once more what it has of connections that are tracked (`dump_nf_ct`): nothing is expected then. */
function findsExpected({ number, foreign }: NetImages, problems: Problem[]): boolean {
  const complain = (what: string) => {
    problems.push({ where: `netns-exp-${number}.img`, what });
    return false;
  };
  const bytes = foreign.get("netns-exp") ?? new Uint8Array();
  return orComplain(complain, () => parseRouteMessages(bytes).some(({ type }) => type !== CTNETLINK_NEW));
}

function orComplain<T>(complain: (what: string) => T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return complain(`it is damaged: ${error.message}`);
  }
}

function buildFilters(foreign: ReadonlyMap<ForeignNetImage, Uint8Array>, lock: NetworkLock | undefined) {
  const textOf = (type: ForeignNetImage) => decodeText(foreign.get(type) ?? new Uint8Array());
  const lockTables = lock?.kind === "nftables" ? lock.tables : [];
  return [
    readIptables("iptables", textOf("iptables")),
    readIptables("ip6tables", textOf("ip6tables")),
    readNftables(textOf("nftables"), lockTables),
  ].filter((filters) => filters !== undefined);
}
