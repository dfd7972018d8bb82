import { deepEqual as assertEquals } from "node:assert/strict";
import type { NetlinkSocket } from "../../../model/files/netlink_socket.ts";
import { aFilePlanner } from "../../../../tests/support/sockets.ts";
import { NEW_SOCKET_OPTIONS } from "../../../../tests/support/unix_sockets.ts";
import { planNetlinkSocket } from "./plan_netlink_socket.ts";

const SOCKET: NetlinkSocket = {
  kind: "netlink",
  id: 1,
  flags: 2,
  protocol: 4,
  port: 77,
  groups: [],
  remote: undefined,
  options: NEW_SOCKET_OPTIONS,
  network: 0,
};

function plan(port: number, taken: readonly number[]) {
  const netlinkPorts = taken.map((other) => ({ protocol: 4, port: other }));
  const planner = aFilePlanner([], { network: { netlinkPorts } });
  planNetlinkSocket(planner, { ...SOCKET, port }, "task 77, descriptor 5");
  const [step] = planner.late;
  return { port: step?.kind === "make-netlink-socket" ? step.port : -1, notes: planner.notes };
}

Deno.test("planNetlinkSocket() keeps the port", () => {
  assertEquals(plan(77, [0, 78]), { port: 77, notes: [] });
});

Deno.test("planNetlinkSocket() binds no socket that has no port", () => {
  assertEquals(plan(0, [0]), { port: undefined, notes: [] });
});

Deno.test("planNetlinkSocket() lets the kernel choose when a port is taken, and notes that", () => {
  const note = "netlink socket 77 of protocol 4 gets another port: something else on this host has its own";
  assertEquals(plan(77, [77]), { port: 0, notes: [note] });
});
