import { deepEqual, equal, ok } from "node:assert/strict";
import {
  type CgrestoreError,
  ImageError,
  InterruptedError,
  PlanError,
  SysError,
  UndoError,
  UsageError,
  VerifyError,
} from "../errors.ts";
import { describeError, exitStatusOf, renderError } from "./render_error.ts";

const PROBLEMS = [{ where: "task 7", what: "has no core\x1b" }, { where: "set 3", what: "is not there" }];
const SYS_ERROR = new SysError("mount", "EBUSY", 'Cannot mount "cpu"', "unmount it");

Deno.test("renderError() tells", async (t) => {
  const rows: [name: string, error: CgrestoreError, verbosity: number, want: string][] = [
    [
      "every problem",
      new ImageError('Cannot read "d"', PROBLEMS),
      2,
      [
        'Error: Cannot read "d"',
        "  task 7: has no core\\x1b",
        "  set 3: is not there",
      ].join("\n"),
    ],
    [
      "the first of many problems",
      new PlanError("A", Array.from({ length: 60 }, (_, i) => ({ where: `task ${i}`, what: "bad" }))),
      2,
      [
        "Error: A",
        ...Array.from({ length: 50 }, (_, i) => `  task ${i}: bad`),
        "  … and 10 more: -v3 tells all",
      ].join("\n"),
    ],
    [
      "all of many problems with -v",
      new PlanError("A", Array.from({ length: 60 }, (_, i) => ({ where: `task ${i}`, what: "bad" }))),
      3,
      ["Error: A", ...Array.from({ length: 60 }, (_, i) => `  task ${i}: bad`)].join("\n"),
    ],
    ["a call", SYS_ERROR, 2, 'Error: Cannot mount "cpu": EBUSY (unmount it)'],
    ["no cause without -v", new PlanError("A", [], { cause: SYS_ERROR }), 2, "Error: A"],
    [
      "the causes with -v",
      new PlanError("A", [], { cause: new Error("B", { cause: "C" }) }),
      3,
      [
        "Error: A",
        "Caused by: B",
        "Caused by: C",
      ].join("\n"),
    ],
    [
      "the cause of an UndoError always",
      new UndoError("A", [], { cause: new VerifyError("B", PROBLEMS) }),
      0,
      [
        "Error: A",
        "Caused by: B",
        "  task 7: has no core\\x1b",
        "  set 3: is not there",
      ].join("\n"),
    ],
    ["where the help is", new UsageError("A\n  B"), 2, 'Error: A\n  B\nSee "cgrestore help"'],
  ];
  for (const [name, error, verbosity, want] of rows) {
    await t.step(name, () => equal(renderError(error, { color: false, verbosity }), `${want}\n`));
  }
});

Deno.test("renderError() shows a bug with its stack and what to do", () => {
  const text = renderError(new TypeError("x is not a function"), { color: false, verbosity: 0 });
  ok(text.startsWith("Bug: TypeError: x is not a function\n    at "));
  ok(text.includes("please report it"));
  ok(renderError("thrown text", { color: false, verbosity: 0 }).startsWith("Bug: thrown text\n"));
});

Deno.test("renderError() survives a cycle of causes", () => {
  const error = new PlanError("A", []);
  error.cause = error;
  equal(renderError(error, { color: false, verbosity: 4 }), "Error: A\nCaused by: A\n");
});

Deno.test("exitStatusOf() gives every kind its own status", () => {
  const rows: [error: unknown, status: number][] = [
    [new UsageError(""), 2],
    [new ImageError("", []), 3],
    [new PlanError("", []), 4],
    [SYS_ERROR, 5],
    [new VerifyError("", []), 6],
    [new UndoError("", []), 7],
    [new InterruptedError(15), 143],
    [new TypeError(), 70],
    ["text", 70],
  ];
  for (const [error, status] of rows) equal(exitStatusOf(error), status);
});

Deno.test("describeError() is plain data", () => {
  deepEqual(describeError(new PlanError("A", PROBLEMS, { cause: SYS_ERROR })), {
    name: "PlanError",
    message: "A",
    exitStatus: 4,
    problems: PROBLEMS,
    causes: ['Cannot mount "cpu": EBUSY (unmount it)'],
  });
  deepEqual(describeError(SYS_ERROR).code, "EBUSY");
  deepEqual(describeError(new Error("x")).name, "Bug");
});
