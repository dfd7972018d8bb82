import { testProgram } from "./support/test_program.ts";

testProgram({ program: "cow", what: "pages that parent, child and grandchild share, and pages of their own" });
