import { splitPages } from "./support/split_pages.ts";
import { testProgram } from "./support/test_program.ts";

for (const program of ["holes", "cow"]) {
  testProgram({ program, what: "pages in a chain of three checkpoints", change: splitPages });
}
