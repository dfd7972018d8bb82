import assert from "node:assert/strict";
import { buildUserNamespace } from "./build_user_namespace.ts";

Deno.test("buildUserNamespace() takes maps", () => {
  const problems: { where: string; what: string }[] = [];
  const entry = { uidMap: [{ first: 0, lowerFirst: 7, count: 3 }], gidMap: [] };
  assert.deepEqual(buildUserNamespace(entry, problems), { uids: [{ first: 0, outside: 7, count: 3 }], gids: [] });
  assert.deepEqual(problems, []);
});

Deno.test("buildUserNamespace() tells what no map is", async (t) => {
  const range = (first: number, lowerFirst: number, count: number) => ({ first, lowerFirst, count });
  const rows = [
    ["nothing", [range(0, 7, 0)], 'its map of uids has the range "0 7 0", which cannot be one'],
    [
      "beyond the last",
      [range(0, 0xffff_fff0, 16)],
      'its map of uids has the range "0 4294967280 16", which cannot be one',
    ],
    ["twice inside", [range(0, 10, 5), range(4, 20, 5)], "its map of uids has ranges that overlap"],
    ["twice outside", [range(10, 0, 5), range(20, 4, 5)], "its map of uids has ranges that overlap"],
    [
      "too many",
      Array.from({ length: 341 }, (_, index) => range(index, index, 1)),
      "its map of uids has 341 ranges, and 340 are the most",
    ],
  ] as const;
  for (const [name, uidMap, want] of rows) {
    await t.step(name, () => {
      const problems: { where: string; what: string }[] = [];
      buildUserNamespace({ uidMap, gidMap: [] }, problems);
      assert.deepEqual(problems, [{ where: "userns image", what: want }]);
    });
  }
});
