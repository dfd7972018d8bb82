import assert from "node:assert/strict";
import { planIds } from "./plan_ids.ts";

Deno.test("planIds() gives namespaces the ids that they had", async (t) => {
  const request = (id: string) => `00000000${`08000100${id}000000`}${"0800030000000000"}`;
  const rows: readonly (readonly [string, Record<number, number>, (readonly [unknown, string])[]])[] = [
    ["none", {}, []],
    ["those of the tasks", { 1: 3, 2: 0 }, [[1, request("03")], [2, request("00")]]],
  ];
  for (const [name, ids, want] of rows) {
    await t.step(name, () => {
      const requests = planIds(new Map(Object.entries(ids).map(([number, id]) => [Number(number), id])));
      assert.deepEqual(requests.map(({ endsWithNetwork, body }) => [endsWithNetwork, body.toHex()]), want);
    });
  }
});
