import { countNetNamespace } from "../../../model/net_numbers.ts";
import {
  encodeRouteBody,
  ID_HEADER_SIZE,
  NETNSA_FD,
  NETNSA_NSID,
  numberValue,
  RTM_NEWNSID,
} from "../../../model/route_message.ts";
import type { RouteRequest } from "./net_plan.ts";

/**
 * Gives net namespaces ids in another one (`ip netns set`, network_namespaces(7)): those of the tasks the ones that they
 * had, by their numbers, and this host's a free one when devices use some of it.
 */
export function planIds(ids: ReadonlyMap<number, number>, usesHost: boolean): RouteRequest[] {
  return [
    ...[...ids].map(([number, id]) => giveId(id, number)),
    ...usesHost ? [giveId(hostId(ids), "host")] : [],
  ];
}

/** The id that the net namespace of cgrestore gets: the kernel would choose the same (`alloc_netid`). */
export function hostId(ids: ReadonlyMap<number, number>): number {
  const taken = new Set(ids.values());
  let id = 0;
  while (taken.has(id)) id++;
  return id;
}

function giveId(id: number, network: number | "host"): RouteRequest {
  const what = network === "host" ? "the net namespace of this host" : countNetNamespace(network);
  return {
    attempt: `Cannot give ${what} the id ${id} in a net namespace of the tasks`,
    type: RTM_NEWNSID,
    flags: 0,
    body: encodeRouteBody({
      header: new Uint8Array(ID_HEADER_SIZE),
      attributes: new Map([[NETNSA_NSID, numberValue(id)], [NETNSA_FD, numberValue(0)]]),
    }),
    endsWithNetwork: network,
    tolerated: [],
  };
}
