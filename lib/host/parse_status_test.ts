import { deepEqual, equal } from "node:assert/strict";
import { parseStatus } from "./parse_status.ts";

const TEXT = "Name:\tUid: 7\nUid:\t0\t1\t2\t3\nGroups:\t \nCapEff:\t000001ffffffffff\nSeccomp:\t0";

Deno.test("parseStatus() finds lines by their names", () => {
  const status = parseStatus(TEXT);
  deepEqual(status.words("Name"), ["Uid:", "7"]);
  deepEqual(status.words("Uid"), ["0", "1", "2", "3"]);
  deepEqual(status.words("Groups"), []);
  deepEqual(status.words("Seccomp"), ["0"]);
  equal(status.mask("CapEff"), 2n ** 41n - 1n);
});

Deno.test("parseStatus() says of lines that are missing that there are no words, and a mask of 0", () => {
  const status = parseStatus(TEXT);
  deepEqual(status.words("Seccomp_filters"), []);
  equal(status.mask("Cap"), 0n);
});
