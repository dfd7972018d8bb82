import type { NetlinkSocket } from "../../../model/files/netlink_socket.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import { inNetwork, type StepBase } from "../file_step.ts";
import { IN_OTHER_NETWORK } from "./plan_inet_socket.ts";

/** Makes a netlink socket. */
export interface NetlinkSocketStep
  extends StepBase, Pick<NetlinkSocket, "protocol" | "groups" | "remote" | "options" | "flags"> {
  readonly kind: "make-netlink-socket";
  readonly handle: Handle;
  /** Absent for a socket that is not bound; 0 lets the kernel choose. */
  readonly port: number | undefined;
}

export function planNetlinkSocket(planner: FilePlanner, socket: NetlinkSocket, holder: string): Handle | undefined {
  const { id, flags, protocol, port, groups, remote, options, network } = socket;
  const what = `netlink socket ${port} of protocol ${protocol}`;
  if (network === ELSEWHERE) return planner.refuse(`${holder}, ${what}`, IN_OTHER_NETWORK);
  const handle = planner.fileHandle(id, { link: "socket:[", isPrefix: true, object: `socket ${id}`, flags });
  const isTaken = planner.networkSeenIn(network).network?.netlinkPorts.some((other) => (
    other.protocol === protocol && other.port === port
  )) ?? false;
  // Ports are chosen by the kernel as a rule, and meant to be asked for.
  if (port !== 0 && isTaken) planner.notes.push(`${what} gets another port: something else on this host has its own`);
  planner.late.push({
    kind: "make-netlink-socket",
    ...{ handle, what, protocol, groups, remote, options, flags, ...inNetwork(network) },
    port: port === 0 ? undefined : isTaken ? 0 : port,
  });
  return handle;
}
