import { testProgram } from "./support/test_program.ts";

testProgram({ program: "cow", what: "pages that parent, child and grandchild share, and pages of their own" });
testProgram({ program: "executed", what: "children that have executed the same program again, and another one" });
testProgram({
  program: "adopted",
  what: "a task that was born through one that has ended",
  criuLoses: "the task is no child of who has adopted it",
});
