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
 * Gives net namespaces of the tasks, by their numbers, the ids that they had in another one (`ip netns set`,
 * network_namespaces(7)).
 */
export function planIds(ids: ReadonlyMap<number, number>): RouteRequest[] {
  return [...ids].map(([number, id]) => giveId(id, number));
}

function giveId(id: number, network: number): RouteRequest {
  return {
    attempt: `Cannot give ${countNetNamespace(network)} the id ${id} in a net namespace of the tasks`,
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
