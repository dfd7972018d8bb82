import { deepEqual as assertEquals } from "node:assert/strict";
import type { PacketSocket } from "../../../model/files/packet_socket.ts";
import { aFilePlanner, aPacketSocket } from "../../../../tests/support/sockets.ts";
import { FilePlanner } from "../file_planner.ts";
import { planPacketSocket } from "./plan_packet_socket.ts";

const SOCK_PACKET = 10;
const LO = 1;
const ABSENT = 9;

function plan(changes: Partial<PacketSocket>, devices: ReadonlyMap<number, string> = new Map([[LO, "lo"]])) {
  const planner = aFilePlanner([], { network: { devices } });
  planPacketSocket(planner, aPacketSocket(changes), "task 77, descriptor 5");
  return planner;
}

Deno.test("planPacketSocket() finds the name of a device where that is needed", () => {
  const names = [plan({ device: LO }), plan({ device: LO, type: SOCK_PACKET })].map(({ late: [step] }) => (
    step?.kind === "make-packet-socket" ? step.deviceName : "no step"
  ));
  assertEquals(names, [undefined, "lo"]);
});

const WHERE = "task 77, descriptor 5, packet socket of protocol 8";
const membership = { device: ABSENT, type: 0, address: new Uint8Array() };

Deno.test("planPacketSocket() refuses devices that are not here", () => {
  const missing = [{ where: WHERE, what: "this host has no network device 9" }];
  assertEquals(plan({ device: ABSENT }).problems, missing);
  assertEquals(plan({ memberships: [membership] }).problems, missing);
  assertEquals(plan({ device: ABSENT }, new Map()).problems, []);
  assertEquals(plan({ device: LO, type: SOCK_PACKET }, new Map()).problems, [
    { where: WHERE, what: "the name of network device 1 is not known: others set up its net namespace" },
  ]);
});

Deno.test("planPacketSocket() makes a socket early whose rings are mapped", () => {
  const content = { kind: "file", file: 1, offset: 0, isShared: true, openFlags: 2 } as const;
  const mapping = { start: 4096, end: 8192, protection: 3, content, flags: 0, advice: [] };
  const { contents, host, problems, options } = aFilePlanner([]);
  const tasks = new Map([[77, { memory: { mappings: [mapping] } }]]) as unknown as typeof contents.tasks;
  const planner = new FilePlanner({ ...contents, tasks }, host, problems, options);
  planPacketSocket(planner, aPacketSocket({ id: 1 }), "task 77, memory");
  assertEquals([planner.early.length, planner.late.length], [1, 0]);
});
