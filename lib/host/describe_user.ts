import { parseRanges } from "../model/id_ranges.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { HostUser } from "./host.ts";

/** What this host lets a user namespace have. */
export function describeUser(sys: Sys): HostUser {
  return {
    uids: parseRanges(readText(sys, "/proc/self/uid_map")),
    gids: parseRanges(readText(sys, "/proc/self/gid_map")),
    largestSendBuffer: Number(readText(sys, "/proc/sys/net/core/wmem_max")),
    largestReceiveBuffer: Number(readText(sys, "/proc/sys/net/core/rmem_max")),
  };
}
