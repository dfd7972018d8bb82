import { equal as assertEqual } from "node:assert/strict";
import { ELSEWHERE, nameNetNamespace, netNumber } from "./net_numbers.ts";

Deno.test("netNumber() counts from the namespace of the root task on", async (t) => {
  const rows: readonly (readonly [name: string, id: number | undefined, ids: readonly number[], want: number])[] = [
    ["that of the root task", 7, [7, 9], 0],
    ["another one", 9, [7, 9], 1],
    ["one without tasks", 8, [7, 9], ELSEWHERE],
    ["nothing is said", undefined, [7, 9], 0],
    ["nothing is said of the tasks", 8, [], 0],
  ];
  for (const [name, id, ids, want] of rows) await t.step(name, () => assertEqual(netNumber(id, ids), want));
});

Deno.test("nameNetNamespace() numbers those that are not the root task's", () => {
  assertEqual(nameNetNamespace(0), "net namespace");
  assertEqual(nameNetNamespace(1), "net namespace 2");
});
