import { deepEqual as assertEquals } from "node:assert/strict";
import type { PacketSocket } from "../../../model/files/packet_socket.ts";
import { filesContext } from "../../../../tests/support/compiled_calls.ts";
import { aPacketSocket } from "../../../../tests/support/sockets.ts";
import { makePacketSocket } from "./make_packet_socket.ts";

const SOL_PACKET = 263;

/** Calls by name, and for options of packets by number, up to where the socket is moved. */
function compile(changes: Partial<PacketSocket>, deviceName?: string): string[] {
  const step = { kind: "make-packet-socket", handle: 0, what: "a socket", socket: aPacketSocket(changes), deviceName };
  const calls = makePacketSocket(filesContext(), step as Parameters<typeof makePacketSocket>[1]);
  return calls.slice(0, -2).flatMap(({ purpose: { call }, arguments: [, level, option, value] }) => {
    if (call === "socket") return [`socket ${level} ${option}`];
    if (call === "bind") return [`bind ${level instanceof Uint8Array ? level.toHex() : ""}`];
    if (call !== "setsockopt") return [call];
    return level === SOL_PACKET && value instanceof Uint8Array ? [`${option} ${value.toHex()}`] : [];
  });
}

const DEFAULTS = ["10 00000000", "12 00000000", "17 00000000", "7 00000000"];

Deno.test("makePacketSocket() binds when all options are set, and joins a group after that", () => {
  const ring = {
    ...{ blockSize: 4096, blocks: 1, frameSize: 1024, frames: 4, retireTimeout: 0, privateSize: 0, features: 0 },
  };
  assertEquals(compile({ device: 2, fanout: 7, receiveRing: ring }), [
    "socket 3 0",
    ...DEFAULTS,
    "5 00100000010000000004000004000000000000000000000000000000",
    "bind 1100080002000000000000000000000000000000",
    "18 07000000",
    "fcntl",
  ]);
});

Deno.test("makePacketSocket() leaves a socket without protocol and device unbound", () => {
  assertEquals(compile({ protocol: 0 }), ["socket 3 0", ...DEFAULTS, "fcntl"]);
});

Deno.test("makePacketSocket() names the device to sockets of the first kind", () => {
  const name = "6c6f".padEnd(28, "0");
  assertEquals(compile({ type: 10, device: 1 }, "lo"), ["socket 10 8", `bind 1100${name}`, "fcntl"]);
});
