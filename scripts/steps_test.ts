import assert from "node:assert/strict";
import { type Counts, countTests, type StepResult, UNEXPLAINED } from "./steps.ts";

const rows: readonly { readonly name: string; readonly result: StepResult; readonly counts: Counts }[] = [
  {
    name: "no tests at all",
    result: { success: true, output: "Checked 90 files\n" },
    counts: { passed: 1, failed: 0, skipped: [] },
  },
  {
    name: "a type error",
    result: { success: false, output: "error: Type checking failed.\n" },
    counts: { passed: 0, failed: 1, skipped: [] },
  },
  {
    name: "steps and failures",
    result: { success: false, output: "FAILED | 4 passed (1 step) | 2 failed (3 steps) | 1 ignored (8s)\n" },
    counts: { passed: 4, failed: 2, skipped: [UNEXPLAINED] },
  },
  {
    name: "a skipped step of a test",
    result: { success: true, output: "SKIPPED a test: it: no criu\nok | 1 passed (2 steps) | 0 failed (1s)\n" },
    counts: { passed: 1, failed: 0, skipped: ["no criu"] },
  },
  {
    name: "passed tests, failed run",
    result: { success: false, output: "ok | 1 passed | 0 failed (1s)\nerror: leaked\n" },
    counts: { passed: 1, failed: 1, skipped: [] },
  },
];

Deno.test("countTests() reads what deno test prints", async (t) => {
  for (const { name, result, counts } of rows) {
    await t.step(name, () => assert.deepEqual(countTests(result), counts));
  }
});
