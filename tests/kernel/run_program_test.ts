import assert from "node:assert/strict";
import { runProgram } from "../../lib/exec/contents/run_program.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";

Deno.test("runProgram() tells how a program has failed", async (t) => {
  const rows: readonly (readonly [name: string, script: string, want: readonly string[] | undefined])[] = [
    ["not at all", "exit 0", undefined],
    ["with a status", "exit 3", ["status 3", ""]],
    ["with a status and a message", "echo; echo one; echo two >&2; exit 1", ["status 1", "one"]],
    ["by a signal", "kill -9 $$", ["signal 9", ""]],
    ["it reads the text", 'read -r line; test "$line" = text', undefined],
    ["it reads no more than the text", 'read -r line; test "$line" = other', ["status 1", ""]],
  ];
  using sys = openLinuxSys();
  for (const [name, script, want] of rows) {
    await t.step(name, () => {
      const failure = runProgram(sys, ["sh", "-c", script], "text\n");
      assert.deepEqual(failure && [failure.end, failure.said], want);
    });
  }
  await t.step("it is not there", () => {
    assert.deepEqual(runProgram(sys, ["cgr-no-program"]), { command: '"cgr-no-program"', end: "ENOENT", said: "" });
  });
});
