import type { PacketSocket } from "../../../model/files/packet_socket.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import type { Contents } from "../../../model/contents.ts";
import type { Handle } from "../contents_plan.ts";
import type { FilePlanner } from "../file_planner.ts";
import { inNetwork, type StepBase } from "../file_step.ts";
import { IN_OTHER_NETWORK } from "./plan_inet_socket.ts";

/** Makes a packet socket. It is bound last: from then on, packets come in. */
export interface PacketSocketStep extends StepBase {
  readonly kind: "make-packet-socket";
  readonly handle: Handle;
  readonly socket: PacketSocket;
  /** Name of the device it is bound to, for a socket that knows no numbers. */
  readonly deviceName: string | undefined;
}

/** A type for Linux 2.0, which is bound to the name of a device. */
const SOCK_PACKET = 10;

/** The handle of a packet socket, for descriptors and for mapping it. */
export function planPacketSocket(planner: FilePlanner, socket: PacketSocket, holder: string): Handle | undefined {
  const { id, type, protocol, device, memberships, flags, network } = socket;
  const what = `packet socket of protocol ${protocol}`;
  if (network === ELSEWHERE) return planner.refuse(`${holder}, ${what}`, IN_OTHER_NETWORK);
  const devices = planner.networkSeenIn(network).network?.devices ?? new Map<number, string>();
  const missing = [device, ...memberships.map((membership) => membership.device)].find((index) => (
    index !== 0 && devices.size > 0 && !devices.has(index)
  ));
  if (missing !== undefined) return planner.refuse(`${holder}, ${what}`, `this host has no network device ${missing}`);
  const deviceName = type === SOCK_PACKET ? devices.get(device) : undefined;
  if (type === SOCK_PACKET && device !== 0 && deviceName === undefined) {
    return planner.refuse(
      `${holder}, ${what}`,
      `the name of network device ${device} is not known: others set up its net namespace`,
    );
  }
  const handle = planner.fileHandle(id, { link: "socket:[", isPrefix: true, object: `socket ${id}`, flags });
  const steps = isMapped(planner.contents, id) ? planner.early : planner.late;
  steps.push({ kind: "make-packet-socket", handle, what, socket, deviceName, ...inNetwork(network) });
  return handle;
}

/** Whether a task maps its rings: some tasks have their memory before others are made. */
function isMapped({ tasks }: Contents, id: number): boolean {
  for (const { memory } of tasks.values()) {
    if (memory.mappings.some(({ content }) => content.kind === "file" && content.file === id)) return true;
  }
  return false;
}
