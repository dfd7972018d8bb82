import { orUndefined } from "../errors.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { describeDevices } from "./describe_devices.ts";
import type { HostNetwork, HostSocket, NetworkPart } from "./host.ts";
import { parseFibTrie, parseInet6Addresses, parseInetSockets, parseNetlinkPorts } from "./parse_proc_net.ts";

/** Files of /proc/net that list sockets, with the protocol of each (IPPROTO_*). */
const LISTS: readonly (readonly [file: string, protocol: number])[] = [
  ["tcp", 6],
  ["tcp6", 6],
  ["udp", 17],
  ["udp6", 17],
  ["udplite", 136],
  ["udplite6", 136],
];

/** The files that show which parts of the network there are. */
const PARTS: ReadonlyMap<string, NetworkPart> = new Map([["tcp6", "IPv6"], ["udplite", "UDP-Lite"]]);

/** What the network that cgrestore itself is in is like. */
export function describeNetwork(sys: Sys): HostNetwork {
  const read = (path: string) => readIfThere(sys, path);
  const setting = (name: string) => read(`/proc/sys/net/${name}`).trim();
  const lists = readLists(sys, "/proc/self");
  const [firstGroup = 1, lastGroup = 0] = setting("ipv4/ping_group_range").split(/\s+/).map(Number);
  return {
    sockets: lists.flatMap(parseList),
    netlinkPorts: parseNetlinkPorts(read("/proc/net/netlink")),
    ownNetworks: [
      ...parseFibTrie(read("/proc/net/fib_trie")),
      ...parseInet6Addresses(read("/proc/net/if_inet6")),
    ],
    ...describeDevices(sys),
    bindsFreely: {
      ipv4: setting("ipv4/ip_nonlocal_bind") === "1",
      ipv6: setting("ipv6/ip_nonlocal_bind") === "1",
    },
    largestBacklog: Number(setting("core/somaxconn")),
    pingGroups: [firstGroup, lastGroup],
    lacks: new Set(lists.flatMap(({ file, text }) => text === "" ? PARTS.get(file) ?? [] : [])),
  };
}

/** The sockets of TCP, UDP and UDP-Lite in the network of the task with this directory of /proc. */
export function describeInetSockets(sys: Sys, directory: string): HostSocket[] {
  return readLists(sys, directory).flatMap(parseList);
}

interface SocketList {
  readonly file: string;
  readonly protocol: number;
  /** Empty where there is no such file; else it has a headline at least. */
  readonly text: string;
}

function readLists(sys: Sys, directory: string): SocketList[] {
  return LISTS.map(([file, protocol]) => ({ file, protocol, text: readIfThere(sys, `${directory}/net/${file}`) }));
}

function parseList({ text, protocol }: SocketList): HostSocket[] {
  return parseInetSockets(text, protocol);
}

/** A kernel without IPv6, or without a protocol, has no such file. */
function readIfThere(sys: Sys, path: string): string {
  return orUndefined(["ENOENT"], () => readText(sys, path)) ?? "";
}
