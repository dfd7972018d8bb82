import { testProgram } from "./support/test_program.ts";

testProgram({ program: "credentials", what: "capabilities and what goes with them" });
testProgram({
  program: "locked_credentials",
  what: "capabilities that nobody could get any more",
  criuFails: "it locks first",
  // What a restore has written to is accounted for.
  mayDiffer: / map /,
});
testProgram({ program: "credentials_of_threads", what: "threads with credentials of their own" });
