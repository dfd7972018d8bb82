import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";

testProgram({ program: "seccomp_chain", what: "filters of seccomp in their order" });
testProgram({ program: "seccomp_strict", what: "the strict mode of seccomp" });
testProgram({ program: "seccomp_of_threads", what: "filters of single threads" });
testProgram({ program: "seccomp_synchronized", what: "filters that threads have in common" });
testEdited({
  program: "seccomp_notify",
  what: "filters with a listener are refused",
  edit: () => {},
  refused: /a seccomp filter asks another process what to do, which cannot be restored/,
});
