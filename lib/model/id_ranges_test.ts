import assert from "node:assert/strict";
import { describeRanges, highestId, leadsInto, outsideId, parseRanges } from "./id_ranges.ts";

const RANGES = [{ first: 0, outside: 100000, count: 1000 }, { first: 5000, outside: 7, count: 2 }];
const TEXT = "0 100000 1000\n5000 7 2\n";

Deno.test("outsideId() finds what an id is outside", () => {
  const rows = [[0, 100000], [999, 100999], [1000, undefined], [5001, 8], [5002, undefined]] as const;
  for (const [id, want] of rows) assert.equal(outsideId(RANGES, id), want);
});

Deno.test("highestId() finds the highest id", () => {
  assert.equal(highestId(RANGES), 5001);
  assert.equal(highestId([]), 0);
});

Deno.test("leadsInto() tells whether there is all of it", async (t) => {
  const all = { first: 0, outside: 0, count: 0xffff_ffff };
  const rows = [
    ["all", [all], true],
    ["in pieces", [{ first: 0, outside: 0, count: 100500 }, { first: 100500, outside: 9, count: 500 }], true],
    ["too little", [{ first: 0, outside: 0, count: 100500 }], false],
    ["not the first", [{ first: 5, outside: 0, count: 0xfff_ffff }, { first: 0, outside: 9, count: 5 }], true],
    ["none", [], false],
  ] as const;
  for (const [name, others, want] of rows) await t.step(name, () => assert.equal(leadsInto(RANGES, others), want));
});

Deno.test("describeRanges() writes what parseRanges() reads", () => {
  assert.equal(describeRanges(RANGES), TEXT);
  assert.deepEqual(parseRanges("         0     100000       1000\n      5000          7          2\n"), RANGES);
});
