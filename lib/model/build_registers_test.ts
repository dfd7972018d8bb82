import assert from "node:assert/strict";
import { restartPoll, withBases } from "./build_registers.ts";

/** ax, dx, the number of the call, and the address behind it. */
function registers(...[ax, dx, original, ip]: readonly [bigint, bigint, bigint, bigint]): BigUint64Array<ArrayBuffer> {
  const general = new BigUint64Array(27);
  for (const [index, value] of [[10, ax], [12, dx], [15, original], [16, ip]] as const) general[index] = value;
  return general;
}

type Row = readonly [name: string, before: BigUint64Array<ArrayBuffer>, restarts: boolean, isCompat?: boolean];

Deno.test("restartPoll() has a poll(2) without a timeout begin again", async (t) => {
  const rows: readonly Row[] = [
    ["without a timeout", registers(-4n, 0xffff_ffffn, 7n, 0x1002n), true],
    ["any negative one", registers(-4n, -7n, 7n, 0x1002n), true],
    ["with a timeout", registers(-4n, 1000n, 7n, 0x1002n), false],
    ["another call", registers(-4n, 0xffff_ffffn, 35n, 0x1002n), false],
    ["another result", registers(-9n, 0xffff_ffffn, 7n, 0x1002n), false],
    ["in no call", registers(-4n, 0xffff_ffffn, -1n, 0x1002n), false],
    ["of code of 32 bits", registers(0xffff_fffcn, 0xffff_ffffn, 168n, 0x1002n), true, true],
    ["code of 32 bits in another call", registers(0xffff_fffcn, 0xffff_ffffn, 7n, 0x1002n), false, true],
  ];
  for (const [name, before, restarts, isCompat = false] of rows) {
    await t.step(name, () => {
      const [dx, call] = [before[12] ?? 0n, before[15] ?? 0n];
      assert.deepEqual(restartPoll(before, { isCompat }), restarts ? registers(call, dx, call, 0x1000n) : before);
    });
  }
});

Deno.test("withBases() has the bases of segments in the table", () => {
  const general = new BigUint64Array(27);
  [general[25], general[26]] = [0n, 0x63n];
  const segments = [{ number: 12, base: 0xf7fc_0100, limit: 0xf_ffff, flags: 0x51 }];
  const [fsBase, gsBase] = withBases(general, segments).slice(21, 23);
  assert.deepEqual([fsBase, gsBase], [0n, 0xf7fc_0100n]);
});
