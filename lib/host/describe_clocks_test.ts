import assert from "node:assert/strict";
import { parseTimeOffsets } from "./describe_clocks.ts";

Deno.test("parseTimeOffsets() reads both forms", async (t) => {
  const want = { monotonic: 1_500_000_000n, boottime: -500_000_000n };
  await t.step("names", () => {
    assert.deepEqual(parseTimeOffsets("monotonic           1 500000000\nboottime           -1 500000000\n"), want);
  });
  await t.step("numbers", () => {
    assert.deepEqual(parseTimeOffsets("         1          1 500000000\n         7         -1 500000000\n"), want);
  });
});
