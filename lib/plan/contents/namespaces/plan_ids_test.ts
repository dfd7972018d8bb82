import assert from "node:assert/strict";
import { planIds } from "./plan_ids.ts";

Deno.test("planIds() gives namespaces the ids that they had, and the host a free one", async (t) => {
  const request = (id: string) => `00000000${`08000100${id}000000`}${"0800030000000000"}`;
  const rows:
    readonly (readonly [string, Record<number, number>, usesHost: boolean, (readonly [unknown, string])[]])[] = [
      ["none", {}, false, []],
      ["those of the tasks", { 1: 3, 2: 0 }, false, [[1, request("03")], [2, request("00")]]],
      ["the host's alone", {}, true, [["host", request("00")]]],
      ["the host's behind others", { 1: 0, 2: 2 }, true, [[1, request("00")], [2, request("02")], [
        "host",
        request("01"),
      ]]],
    ];
  for (const [name, ids, usesHost, want] of rows) {
    await t.step(name, () => {
      const requests = planIds(new Map(Object.entries(ids).map(([number, id]) => [Number(number), id])), usesHost);
      assert.deepEqual(requests.map(({ endsWithNetwork, body }) => [endsWithNetwork, body.toHex()]), want);
    });
  }
});
