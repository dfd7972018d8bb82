import { deepEqual as assertEquals } from "node:assert/strict";
import { anInetSocket, aPacketSocket, contentsWith } from "../../../tests/support/sockets.ts";
import { networkProblems } from "./network_problems.ts";

Deno.test("networkProblems() tells of every socket in a network of the tasks' own", () => {
  const contents = contentsWith([anInetSocket({ id: 1 }), aPacketSocket({ id: 2 })]);
  const what = "it is in another network namespace, which cannot be restored";
  assertEquals(networkProblems(contents, new Set(["net"] as const)), [
    { where: "TCP socket 0.0.0.0:0", what },
    { where: "packet socket of protocol 8", what },
  ]);
  assertEquals(networkProblems(contents, new Set(["pid"] as const)), []);
});
