import assert from "node:assert/strict";
import { restartPoll } from "./build_registers.ts";

/** ax, dx, the number of the call, and the address behind it. */
function registers(...[ax, dx, original, ip]: readonly [bigint, bigint, bigint, bigint]): BigUint64Array<ArrayBuffer> {
  const general = new BigUint64Array(27);
  for (const [index, value] of [[10, ax], [12, dx], [15, original], [16, ip]] as const) general[index] = value;
  return general;
}

Deno.test("restartPoll() has a poll(2) without a timeout begin again", async (t) => {
  const rows: readonly (readonly [name: string, before: BigUint64Array<ArrayBuffer>, restarts: boolean])[] = [
    ["without a timeout", registers(-4n, 0xffff_ffffn, 7n, 0x1002n), true],
    ["any negative one", registers(-4n, -7n, 7n, 0x1002n), true],
    ["with a timeout", registers(-4n, 1000n, 7n, 0x1002n), false],
    ["another call", registers(-4n, 0xffff_ffffn, 35n, 0x1002n), false],
    ["another result", registers(-9n, 0xffff_ffffn, 7n, 0x1002n), false],
    ["in no call", registers(-4n, 0xffff_ffffn, -1n, 0x1002n), false],
  ];
  for (const [name, before, restarts] of rows) {
    await t.step(name, () => {
      const dx = before[12] ?? 0n;
      assert.deepEqual(restartPoll(before), restarts ? registers(7n, dx, 7n, 0x1000n) : before);
    });
  }
});
