import type { SkOptsEntry } from "../../gen/sockets.ts";
import type { SocketOptions } from "./socket_options.ts";

export function buildSocketOptions(entry: SkOptsEntry): SocketOptions {
  return {
    sendBuffer: entry.soSndbuf,
    receiveBuffer: entry.soRcvbuf,
    lockedBuffers: entry.soBufLock,
    sendTimeout: [entry.soSndTmoSec, entry.soSndTmoUsec],
    receiveTimeout: [entry.soRcvTmoSec, entry.soRcvTmoUsec],
    receiveLowWater: entry.soRcvlowat,
    priority: entry.soPriority,
    mark: entry.soMark,
    reusesAddress: entry.reuseaddr === true,
    reusesPort: entry.soReuseport === true,
    passesCredentials: entry.soPasscred === true,
    passesSecurity: entry.soPasssec === true,
    bypassesRouting: entry.soDontroute === true,
    skipsChecksums: entry.soNoCheck === true,
    broadcasts: entry.soBroadcast === true,
    keepsAlive: entry.soKeepalive === true,
    hasUrgentInline: (entry.soOobinline ?? 0) !== 0,
    linger: entry.soLinger,
    device: entry.soBoundDev,
    filter: buildFilter(entry.soFilter),
    keepAlive: { count: entry.tcpKeepcnt, idle: entry.tcpKeepidle, interval: entry.tcpKeepintvl },
  };
}

/** The image has an instruction as one number: from the top, its code, two jumps and the operand (criu/sockets.c). */
function buildFilter(instructions: readonly bigint[]): Uint8Array {
  const program = new Uint8Array(8 * instructions.length);
  const view = new DataView(program.buffer);
  instructions.forEach((instruction, index) => {
    const at = 8 * index;
    view.setUint16(at, Number(instruction >> 48n & 0xffffn), true);
    view.setUint8(at + 2, Number(instruction >> 40n & 0xffn));
    view.setUint8(at + 3, Number(instruction >> 32n & 0xffn));
    view.setUint32(at + 4, Number(instruction & 0xffff_ffffn), true);
  });
  return program;
}
