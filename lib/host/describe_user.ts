import { orUndefined } from "../errors.ts";
import { parseRanges } from "../model/id_ranges.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { HostUser } from "./host.ts";

/** What this host lets a user namespace have. */
export function describeUser(sys: Sys): HostUser {
  return {
    uids: parseRanges(readText(sys, "/proc/self/uid_map")),
    gids: parseRanges(readText(sys, "/proc/self/gid_map")),
    largestSendBuffer: limitOf(sys, "wmem_max"),
    largestReceiveBuffer: limitOf(sys, "rmem_max"),
  };
}

/** Older kernels do not show it in other net namespaces than the first one. */
function limitOf(sys: Sys, name: string): number {
  const text = orUndefined(["ENOENT"], () => readText(sys, `/proc/sys/net/core/${name}`));
  return text === undefined ? Infinity : Number(text);
}
