import { equal as assertEqual } from "node:assert/strict";
import { isExitStatus } from "./exit_status.ts";

const ROWS: readonly [name: string, status: number, possible: boolean][] = [
  ["success", 0, true],
  ["the highest exit status", 0xff00, true],
  ["SIGKILL", 9, true],
  ["SIGSEGV with a core dump", 0x80 | 11, true],
  ["the last signal", 64, true],
  ["a core dump without a signal", 0x80, false],
  ["a signal beyond the last", 65, false],
  ["SIGSTOP", 19, false],
  ["SIGCHLD", 17, false],
  ["a stop as wait(2) tells it", 0x137f, false],
  ["both", 0x0109, false],
  ["more than 16 bits", 0x1_0000, false],
  ["a negative number", -1, false],
];

Deno.test("isExitStatus() knows", async (t) => {
  for (const [name, status, possible] of ROWS) {
    await t.step(name, () => assertEqual(isExitStatus(status), possible));
  }
});
