import { testProgram } from "./support/test_program.ts";

testProgram({ program: "large", what: "600 MiB of memory" });
testProgram({ program: "five_large", what: "five tasks with 100 MiB each" });
testProgram({
  program: "mounts_large",
  what: "a tmpfs with 72 MiB in it",
  restore: ["--root", "/"],
});
