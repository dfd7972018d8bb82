import { SOCK_DGRAM } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { HostUnix } from "./host.ts";
import { parseNetUnix } from "./parse_net_unix.ts";

/** What matters to unix sockets. */
export function describeUnix(sys: Sys): HostUnix {
  return {
    abstractNames: new Set(takenNames(readText(sys, "/proc/net/unix"))),
    longestQueue: 1 + Number(readText(sys, "/proc/sys/net/unix/max_dgram_qlen")),
  };
}

/** The abstract names that nobody else can have, as `abstractNameKey` of lib/model makes them. */
function takenNames(text: string): string[] {
  return parseNetUnix(text).flatMap(({ type, isConnected, name }) => {
    if (name?.startsWith("@") !== true) return [];
    // What has been accepted shows the name of the socket that listens, and does not keep it from others.
    return isConnected && type !== SOCK_DGRAM ? [] : [`${type} ${name}`];
  });
}
