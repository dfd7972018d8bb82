import { equal } from "node:assert/strict";
import { Log, wantsColor } from "./output.ts";

Deno.test("Log writes the levels up to the verbosity, one line each", async (t) => {
  const all = [
    "(00.012345) Error (cgrestore): a\\nb\n",
    "(00.012345) Warn (cgrestore): w\n",
    "(00.012345) Info: i\n",
    "(00.012345) Debug: d\n",
  ];
  for (let verbosity = 0; verbosity <= 4; verbosity++) {
    await t.step(`verbosity ${verbosity}`, () => {
      let text = "";
      const log = new Log((line) => text += line, verbosity, () => 12.345);
      log.error("a\nb");
      log.warning("w");
      log.info("i");
      log.debug("d");
      equal(text, all.slice(0, verbosity).join(""));
    });
  }
});

Deno.test("wantsColor() follows the option, then NO_COLOR, then the terminal", () => {
  const rows: [choice: boolean | undefined, isTerminal: boolean, noColor: boolean, want: boolean][] = [
    [undefined, true, false, true],
    [undefined, true, true, false],
    [undefined, false, false, false],
    [true, false, true, true],
    [false, true, false, false],
  ];
  for (const [choice, isTerminal, noColor, want] of rows) {
    equal(wantsColor({ out: () => {}, err: () => {}, isTerminal, noColor }, choice), want);
  }
});
