import { deepEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { textsSys } from "../../tests/support/texts_sys.ts";
import { describeUser } from "./describe_user.ts";

const MAPS = {
  "/proc/self/uid_map": { text: "         0          0 4294967295\n" },
  "/proc/self/gid_map": { text: "         0       1000         10\n" },
};
const SEND = "/proc/sys/net/core/wmem_max";
const RECEIVE = "/proc/sys/net/core/rmem_max";

Deno.test("describeUser() tells ids and limits of buffers", () => {
  const { uids, gids, ...limits } = describeUser(textsSys({
    ...MAPS,
    [SEND]: { text: "212992\n" },
    [RECEIVE]: { text: "425984\n" },
  }));
  assertEquals([uids.length, gids.length], [1, 1]);
  assertEquals(limits, { largestSendBuffer: 212992, largestReceiveBuffer: 425984 });
});

Deno.test("describeUser() knows no limits where the kernel does not show them", () => {
  const { largestSendBuffer, largestReceiveBuffer } = describeUser(textsSys(MAPS));
  assertEquals([largestSendBuffer, largestReceiveBuffer], [Infinity, Infinity]);
});

Deno.test("describeUser() tells when a limit cannot be read", () => {
  assertThrows(() => describeUser(textsSys({ ...MAPS, [SEND]: { errno: "EACCES" } })), { code: "EACCES" });
});
