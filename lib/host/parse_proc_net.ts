import type { HostNetlinkPort, HostSocket } from "./host.ts";

/** Columns of /proc/net/tcp and the like (proc_net_tcp(5)). */
const LOCAL = 1;
const REMOTE = 2;
const STATE = 3;
const INODE = 9;

/** Reads `/proc/net/tcp`, `tcp6`, `udp` and the like; `protocol` is what it lists. */
export function parseInetSockets(text: string, protocol: number): HostSocket[] {
  const addresses = new Map<string, Uint8Array>();
  return linesOf(text).flatMap((words) => {
    const local = parseEndpoint(words[LOCAL], addresses);
    const remote = parseEndpoint(words[REMOTE], addresses);
    if (local === undefined || remote === undefined) return [];
    const state = Number.parseInt(words[STATE] ?? "", 16);
    return [{ protocol, local, remote, state, inode: Number(words[INODE]) }];
  });
}

/**
 * `0100007F:1F90`: words of the address as this processor reads them, and the port. Thousands have the same address, so
 * those that are known are in `addresses`.
 */
function parseEndpoint(text = "", addresses: Map<string, Uint8Array>): HostSocket["local"] | undefined {
  const match = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(text);
  if (match === null) return undefined;
  const [, words = "", port = ""] = match;
  const address = addresses.get(words) ?? Uint8Array.fromHex(words.replace(/(..)(..)(..)(..)/g, "$4$3$2$1"));
  addresses.set(words, address);
  return { address, port: Number.parseInt(port, 16) };
}

/** Columns of /proc/net/netlink: `sk Eth Pid …`. */
const NETLINK_PROTOCOL = 1;
const NETLINK_PORT = 2;

/** Reads `/proc/net/netlink`. */
export function parseNetlinkPorts(text: string): HostNetlinkPort[] {
  return linesOf(text).map((words) => ({
    protocol: Number(words[NETLINK_PROTOCOL]),
    port: Number(words[NETLINK_PORT]),
  }));
}

/** Without the first line, which names the columns, and without columns that nobody asks for. */
function linesOf(text: string): string[][] {
  return text.split("\n").slice(1).filter((line) => line !== "").map((line) => line.trim().split(/\s+/, INODE + 1));
}

/** Reads `/proc/net/dev`, which has two lines of titles: the names of all network devices. */
export function parseDeviceNames(text: string): Set<string> {
  const names = text.split("\n").slice(2).flatMap((line) => /^\s*(\S+):/.exec(line)?.[1] ?? []);
  return new Set(names);
}

/**
 * Reads from `/proc/net/fib_trie` the networks of IPv4 whose addresses are this host's own, or are for all hosts of a
 * link: those that a socket can be bound to.
 */
export function parseFibTrie(text: string): { address: Uint8Array; prefix: number }[] {
  const networks = new Map<string, { address: Uint8Array; prefix: number }>();
  let address = "";
  for (const line of text.split("\n")) {
    address = /\|-- (\d+\.\d+\.\d+\.\d+)/.exec(line)?.[1] ?? address;
    const prefix = /^\s+\/(\d+) \w+ (?:LOCAL|BROADCAST)/.exec(line)?.[1];
    if (prefix === undefined) continue;
    const network = { address: Uint8Array.from(address.split("."), Number), prefix: Number(prefix) };
    networks.set(`${address}/${prefix}`, network);
  }
  return [...networks.values()];
}

/** Reads `/proc/net/if_inet6`: the addresses of IPv6 that devices have. */
export function parseInet6Addresses(text: string): { address: Uint8Array; prefix: number }[] {
  return text.split("\n").flatMap((line) => {
    const digits = /^([0-9a-f]{32}) /.exec(line)?.[1];
    return digits === undefined ? [] : [{ address: Uint8Array.fromHex(digits), prefix: 128 }];
  });
}
