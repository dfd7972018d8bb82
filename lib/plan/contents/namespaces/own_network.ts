import type { Host, HostNetwork } from "../../../host/host.ts";
import { addressDevice, IFA_ADDRESS, IFA_LOCAL } from "../../../model/describe_route.ts";
import type { NetContents, NetNamespace } from "../../../model/namespaces.ts";
import type { RouteMessage } from "../../../model/route_message.ts";
import { isAtLeast } from "../kernel_version.ts";
import { LOOPBACK } from "./plan_devices.ts";

/** `net.core.somaxconn` of a new namespace (`SOMAXCONN`, linux/socket.h), and the first kernel with the larger one. */
const BACKLOG = 4096;
const OLD_BACKLOG = 128;
const LARGER_BACKLOG = [5, 4] as const;
/** Settings of a new namespace: how many datagrams wait, and that no group may have sockets of ICMP messages. */
const DATAGRAMS = "10";
const NO_GROUPS = "1 0";

/** The host as sockets find it in a net namespace of the tasks: nothing is taken. Of one that others set up nothing is known. */
export function withOwnNetwork(host: Host, net: NetNamespace): Host {
  const { unix, network: _network, ...rest } = host;
  return {
    ...rest,
    ...unix === undefined ? {} : {
      unix: {
        abstractNames: new Set(),
        longestQueue: net.kind === "own"
          ? 1 + Number(settingOf(net, "unix/max_dgram_qlen", DATAGRAMS))
          : unix.longestQueue,
      },
    },
    ...net.kind === "own" ? { network: describeOwnNetwork(net, host) } : {},
  };
}

/** What is not in images is as in a new namespace. */
function describeOwnNetwork(net: NetContents, { kernel, network }: Pick<Host, "kernel" | "network">): HostNetwork {
  const [firstGroup = 1, lastGroup = 0] = settingOf(net, "ipv4/ping_group_range", NO_GROUPS).split(" ").map(Number);
  return {
    sockets: [],
    netlinkPorts: [],
    ownNetworks: net.addresses.map(networkOf),
    devices: new Map(net.devices.map(({ index, name }) => [index, name])),
    bridges: new Set(net.devices.filter(({ kind }) => kind === "bridge").map(({ name }) => name)),
    bindsFreely: { ipv4: false, ipv6: false },
    largestBacklog: isAtLeast(kernel, LARGER_BACKLOG) ? BACKLOG : OLD_BACKLOG,
    pingGroups: [firstGroup, lastGroup],
    lacks: network?.lacks ?? new Set(),
  };
}

function settingOf({ sysctls }: NetContents, name: string, otherwise: string): string {
  return sysctls.get(`net/${name}`) ?? otherwise;
}

/** On the loopback device, all addresses of a network of IPv4 are the host's own. */
function networkOf(message: RouteMessage): HostNetwork["ownNetworks"][number] {
  const { header, attributes } = message;
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? new Uint8Array();
  const isWhole = address.length === 4 && addressDevice(message) === LOOPBACK.index;
  return { address, prefix: isWhole ? header[1] ?? 32 : 8 * address.length };
}
