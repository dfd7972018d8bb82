import type { Problem } from "../errors.ts";
import type { NetContents, NetDevice, NetNamespace } from "./namespaces.ts";
import { nameDevice, namePeer } from "./net_device.ts";
import { nameNetNamespace } from "./net_numbers.ts";

/** Tells which devices of the net namespaces of tasks are connected to what is none that they could be connected to. */
export function findPeerProblems(nets: readonly NetNamespace[]): Problem[] {
  return nets.flatMap((net, number) => {
    if (net.kind !== "own") return [];
    const where = nameNetNamespace(number);
    return net.devices.flatMap((device) => peerProblem(device, net, { nets, number })).map((what) => ({ where, what }));
  });
}

/** All net namespaces by their numbers, and the number of one of them. */
interface Place {
  readonly nets: readonly NetNamespace[];
  readonly number: number;
}

/** Of one that others set up, images have nothing. */
function peerProblem(device: NetDevice, { ids }: NetContents, { nets, number }: Place): string[] {
  const { kind, peer, peerNet = number } = device;
  if (peer === undefined) return [];
  const other = nets[peerNet];
  if (peerNet !== number && !ids.has(peerNet)) {
    return [`${nameDevice(device)} is connected to another net namespace, which has no id in this one`];
  }
  const isPeer = (end: NetDevice) => (
    end.index === peer && (kind === "macvlan" || isEnd(end, device) && (end.peerNet ?? peerNet) === number)
  );
  const isThere = other !== undefined && (other.kind !== "own" || other.devices.some(isPeer));
  return isThere ? [] : [`${nameDevice(device)} is connected to ${namePeer(device)}, which is no such`];
}

function isEnd(end: NetDevice, { kind, index }: NetDevice): boolean {
  return end.kind === kind && end.peer === index;
}
