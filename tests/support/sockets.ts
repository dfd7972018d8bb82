/** Sockets and hosts made by hand, for tests of planning and execution. */
import type { HostNetwork } from "../../lib/host/host.ts";
import type { InetSocket } from "../../lib/model/files/inet_socket.ts";
import type { PacketSocket } from "../../lib/model/files/packet_socket.ts";
import type { OpenFile } from "../../lib/model/open_file.ts";
import { FilePlanner, type SeenNetwork } from "../../lib/plan/contents/file_planner.ts";
import type { PlanOptions } from "../../lib/plan/plan.ts";
import { buildHost } from "./plan_inputs.ts";
import { PLANNER_OPTIONS, smallContents } from "./small_contents.ts";
import { NEW_SOCKET_OPTIONS } from "./unix_sockets.ts";

export const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17 } as const;

export const LOOPBACK = new Uint8Array([127, 0, 0, 1]);

/** A TCP socket of IPv4, like a new one but for `changes`. */
export function anInetSocket(changes: Partial<InetSocket> & { readonly id: number }): InetSocket {
  return {
    kind: "inet",
    flags: 2,
    family: "ipv4",
    type: "stream",
    protocol: IPPROTO.TCP,
    state: "closed",
    local: { address: new Uint8Array(4), port: 0 },
    remote: undefined,
    backlog: 0,
    shutdown: undefined,
    isV6Only: undefined,
    options: NEW_SOCKET_OPTIONS,
    ip: {
      bindsFreely: false,
      tellsPacketInfo: false,
      typeOfService: undefined,
      timeToLive: undefined,
      raw: undefined,
    },
    tcp: {
      isCorked: false,
      hasNoDelay: false,
      keepAliveCount: undefined,
      keepAliveIdle: undefined,
      keepAliveInterval: undefined,
    },
    connection: undefined,
    network: 0,
    ...changes,
  };
}

/** A packet socket for IPv4, like a new one but for `changes`. */
export function aPacketSocket(changes: Partial<PacketSocket>): PacketSocket {
  return {
    kind: "packet",
    id: 1,
    flags: 2,
    type: 3,
    protocol: 8,
    device: 0,
    version: 0,
    reserve: 0,
    timestamp: 0,
    copyThreshold: 0,
    tellsAuxiliaryData: false,
    tellsOriginalDevice: false,
    hasVirtualHeader: false,
    skipsMalformed: false,
    memberships: [],
    fanout: undefined,
    receiveRing: undefined,
    sendRing: undefined,
    options: NEW_SOCKET_OPTIONS,
    network: 0,
    ...changes,
  };
}

/** A host with nothing but the loopback device, on which no socket is. */
export const IDLE_NETWORK: HostNetwork = {
  sockets: [],
  netlinkPorts: [],
  ownNetworks: [
    { address: new Uint8Array([127, 0, 0, 0]), prefix: 8 },
    { address: new Uint8Array([...new Uint8Array(15), 1]), prefix: 128 },
  ],
  devices: new Map([[1, "lo"]]),
  bridges: new Set(),
  bindsFreely: { ipv4: false, ipv6: false },
  largestBacklog: 4096,
  pingGroups: [1, 0],
  lacks: new Set(),
};

/** A planner of files on a host where nothing is in the way, but for what `changes` say of the network. */
export function aFilePlanner(
  files: readonly OpenFile[],
  { network, nestedNetworks = [], connections = "refuse" }: {
    readonly network?: Partial<HostNetwork>;
    readonly nestedNetworks?: readonly SeenNetwork[];
    readonly connections?: PlanOptions["connections"];
  } = {},
): FilePlanner {
  const host = buildHost({ network: { ...IDLE_NETWORK, ...network } });
  return new FilePlanner(smallContents({ files }), host, [], { ...PLANNER_OPTIONS, nestedNetworks, connections });
}
