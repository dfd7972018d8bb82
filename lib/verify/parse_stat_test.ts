import { deepEqual } from "node:assert/strict";
import { parseStat } from "./parse_stat.ts";

const TAIL =
  "4194304 1 0 0 0 0 0 0 0 20 0 1 0 5 8192 256 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0";

Deno.test("parseStat() reads a comm with spaces and parentheses", () => {
  deepEqual(parseStat(`77 (a (b) c) Z 5 6 7 0 -1 ${TAIL} 768\n`), {
    comm: "a (b) c",
    state: "Z",
    parent: 5,
    group: 6,
    session: 7,
    terminal: 0,
    foreground: -1,
    exitStatus: 768,
  });
});
