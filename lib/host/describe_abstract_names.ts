import { SOCK_DGRAM } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { parseNetUnix } from "./parse_net_unix.ts";

/** The abstract names that nobody else can have now, as `abstractNameKey` of lib/model makes them. */
export function describeAbstractNames(sys: Sys): string[] {
  return parseNetUnix(readText(sys, "/proc/net/unix")).flatMap(({ type, isConnected, name }) => {
    if (name?.startsWith("@") !== true) return [];
    // What has been accepted shows the name of the socket that listens, and does not keep it from others.
    return isConnected && type !== SOCK_DGRAM ? [] : [`${type} ${name}`];
  });
}
