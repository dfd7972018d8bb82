import { testProgram } from "./support/test_program.ts";

testProgram({ program: "cow", what: "pages that parent, child and grandchild share, and pages of their own" });
testProgram({ program: "executed", what: "children that have executed the same program again, and another one" });
