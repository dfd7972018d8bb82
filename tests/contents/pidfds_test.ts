import { testProgram } from "./support/test_program.ts";

testProgram({
  program: "pidfds",
  what: "pidfds of the task itself, its child, its parent and a zombie",
  // What a zombie ignored is not in the images: with CRIU, it is what CRIU ignores itself.
  mayDiffer: / status SigIgn$/,
});
testProgram({ program: "ended_pidfds", what: "pidfds of processes that have ended" });
