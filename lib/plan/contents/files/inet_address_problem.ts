import type { HostNetwork, HostSocket } from "../../../host/host.ts";
import type { InetSocket } from "../../../model/files/inet_socket.ts";
import { isSameAddress, isUnspecified, networkMask, overlap, unmap } from "../../../model/inet_address.ts";
import { isConnection } from "../../../model/inet_protocol.ts";

const IPPROTO_TCP = 6;
/** States of net/tcp_states.h. */
const TIME_WAIT = 6;
const LISTEN = 10;

/** Why a socket surely cannot get its address on this host; what depends on more than can be seen is left to the kernel. */
export function inetAddressProblem(socket: InetSocket, network: HostNetwork): string | undefined {
  const { options: { device } } = socket;
  if (device !== undefined && !hasDevice(network, device)) return `this host has no network device "${device}"`;
  if (lacksAddress(socket, network) && !canWait(socket)) return LACKS_ADDRESS;
  const others = socketsAt(network, socket.local.port);
  if (isConnection(socket)) {
    const isThere = others.some((other) => isSameConnection(socket, other));
    return isThere ? "this host has the same connection already" : undefined;
  }
  const isTaken = others.some((other) => isInTheWay(socket, other));
  return isTaken ? "another socket on this host has its address and port" : undefined;
}

export const LACKS_ADDRESS = "no network device of this host has its address";

/** Whether a socket can be bound to an address that is not there yet: who sends needs one to send from (raw(7)). */
function canWait({ type, remote }: InetSocket): boolean {
  return type !== "raw" && remote === undefined;
}

/** By port: there may be thousands of sockets on both sides. */
const socketsByPort = new WeakMap<readonly HostSocket[], ReadonlyMap<number, readonly HostSocket[]>>();

function socketsAt({ sockets }: HostNetwork, port: number): readonly HostSocket[] {
  const byPort = socketsByPort.get(sockets) ?? Map.groupBy(sockets, ({ local }) => local.port);
  socketsByPort.set(sockets, byPort);
  return byPort.get(port) ?? [];
}

function hasDevice({ devices }: HostNetwork, name: string): boolean {
  return devices.size === 0 || [...devices.values()].includes(name);
}

/** Whether a socket is bound to an address that is not there. Those of a device may be in a table of its own. */
export function lacksAddress(
  { family, local, ip, options }: InetSocket,
  { bindsFreely, ownNetworks }: Pick<HostNetwork, "bindsFreely" | "ownNetworks">,
): boolean {
  if (ip.bindsFreely || bindsFreely[family] || options.device !== undefined) return false;
  const address = unmap(local.address);
  if (isUnspecified(address) || isMulticast(address)) return false;
  return !ownNetworks.some((network) => contains(network, address));
}

/** 224.0.0.0/4 and ff00::/8 */
function isMulticast(address: Uint8Array): boolean {
  const first = address[0] ?? 0;
  return address.length === 4 ? (first & 0xf0) === 0xe0 : first === 0xff;
}

function contains({ address, prefix }: HostNetwork["ownNetworks"][number], other: Uint8Array): boolean {
  if (address.length !== other.length) return false;
  return address.every((byte, index) => ((byte ^ (other[index] ?? 0)) & networkMask(prefix, index)) === 0);
}

/**
 * Whether a socket of this host keeps another one from being bound (inet_csk_get_port and udp_lib_get_port of the
 * kernel). Its options cannot be seen: it may share what it has with sockets that do the same.
 */
function isInTheWay(socket: InetSocket, other: HostSocket): boolean {
  const { protocol, type, local, options, isV6Only } = socket;
  if (type === "raw" || protocol !== other.protocol || local.port === 0 || local.port !== other.local.port) {
    return false;
  }
  if (options.device !== undefined || options.reusesPort) return false;
  const isExclusive = protocol === IPPROTO_TCP ? other.state === LISTEN : !options.reusesAddress;
  return isExclusive && overlap({ address: local.address, isV6Only }, { address: other.local.address, isV6Only: true });
}

function isSameConnection({ protocol, local, remote }: InetSocket, other: HostSocket): boolean {
  if (remote === undefined || other.protocol !== protocol) return false;
  return other.state !== TIME_WAIT && isSame(local, other.local) && isSame(remote, other.remote);
}

function isSame(one: InetSocket["local"], other: InetSocket["local"]): boolean {
  return one.port === other.port && isSameAddress(unmap(one.address), unmap(other.address));
}
