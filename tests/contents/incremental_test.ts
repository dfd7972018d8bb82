import { splitPages } from "./support/split_pages.ts";
import { testProgram } from "./support/test_program.ts";

for (const program of ["holes", "cow"]) {
  testProgram({ program, what: "pages in a chain of three checkpoints", change: splitPages });
}
testProgram({ program: "changing_memory", what: "two dumps of memory before", preDumps: 2, needs: ["soft-dirty"] });
testProgram({
  program: "changing_memory",
  what: "the dumps before have holes where pages have changed",
  preDumps: 2,
  dump: ["--auto-dedup"],
  needs: ["soft-dirty"],
});
