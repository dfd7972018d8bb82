import { equal } from "node:assert/strict";
import { renderResult, type RestoreResult } from "./render_result.ts";

const RESULT: RestoreResult = {
  rootPid: 7,
  tasks: 4,
  threads: 1,
  writes: 3,
  createdInPlace: 2,
  rehearsed: false,
  contents: "restored",
  milliseconds: { read: 1, plan: 2, execute: 3 },
  notes: [],
};

Deno.test("renderResult() tells what was restored", () => {
  equal(
    renderResult(RESULT, { color: false }),
    `Restored and verified 4 tasks and 1 further thread; the root task has pid 7
3 cgroup writes, 2 tasks created in place
`,
  );
});

Deno.test("renderResult() tells what was not", () => {
  const result: RestoreResult = { ...RESULT, rehearsed: true, contents: "placeholders", notes: ["a\nb"] };
  equal(
    renderResult(result, { color: false }),
    `Rehearsed 4 tasks and 1 further thread: restored, verified and undone
3 cgroup writes, 2 tasks created in place
Note: memory, registers and files were not restored: the tasks are placeholders
Note: a\\nb
`,
  );
});
