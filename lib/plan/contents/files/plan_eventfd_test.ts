import { deepEqual as assertEquals } from "node:assert/strict";
import { eventFile, planSmallTree } from "../../../../tests/support/small_contents.ts";

Deno.test("planEventfd() expects the counter in hexadecimal", () => {
  const planner = planSmallTree({ files: [eventFile(4, 255n)], tasks: { 77: { 4: 4 } } });
  assertEquals(planner.expected.get(0)?.lines, ["eventfd-count: ff"]);
});

Deno.test("planEventfd() refuses a counter that only the kernel can reach", () => {
  const planner = planSmallTree({ files: [eventFile(4, 2n ** 64n - 1n)], tasks: { 77: { 4: 4 } } });
  const what = "an eventfd that has overflowed cannot be restored";
  assertEquals(planner.problems, [{ where: "task 77, descriptor 4", what }]);
});
