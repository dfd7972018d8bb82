import { deepEqual as assertEquals } from "node:assert/strict";
import { smallContents } from "../../../tests/support/small_contents.ts";
import { anInetSocket, aPacketSocket } from "../../../tests/support/sockets.ts";
import { networkProblems } from "./network_problems.ts";

Deno.test("networkProblems() tells of every socket in a network of the tasks' own", () => {
  const contents = smallContents({ files: [anInetSocket({ id: 1 }), aPacketSocket({ id: 2 })] });
  const what = "it is in another network namespace, which cannot be restored";
  assertEquals(networkProblems(contents, new Set(["net"] as const)), [
    { where: "TCP socket 0.0.0.0:0", what },
    { where: "packet socket of protocol 8", what },
  ]);
  assertEquals(networkProblems(contents, new Set(["pid"] as const)), []);
});
