import { equal as assertEqual } from "node:assert/strict";
import { matches } from "./verify_descriptors.ts";

const ROWS: readonly [line: string, pattern: string, matches: boolean][] = [
  ["eventfd-count: 5", "eventfd-count: 5", true],
  ["eventfd-count: 55", "eventfd-count: 5", false],
  ["tfd: 5 events: 19 data: 7 pos:0 ino:9 sdev:f", "tfd: 5 events: 19 data: 7 *", true],
  ["tfd: 5 events: 1 data: 7 pos:0 ino:9 sdev:f", "tfd: 5 events: 19 data: 7 *", false],
  ["inotify wd:1 ino:9 sdev:f mask:2 ignored_mask:0", "inotify wd:1 * mask:2 *", true],
  ["inotify wd:1 ino:9 sdev:f mask:20 ignored_mask:0", "inotify wd:1 * mask:2 *", false],
  ["NSpid: 77", "NSpid:* 77", true],
  ["NSpid: 901 77", "NSpid:* 77", true],
  ["NSpid: 177", "NSpid:* 77", false],
  ["ab", "ab*b", false],
];

Deno.test("matches() takes a star for anything", async (t) => {
  for (const [line, pattern, expected] of ROWS) {
    await t.step(`${pattern}: ${line}`, () => assertEqual(matches(line, pattern), expected));
  }
});
