import { testProgram } from "./support/test_program.ts";

testProgram({ program: "async_owners", what: "files that signal a task, a child and a group" });
testProgram({
  program: "async_threads",
  what: "a file that signals a thread",
  // Pages of the program that are in the images make its mapping one that counts as memory, as they do with CRIU.
  mayDiffer: / map 00401000/,
  criuFails: "it names the thread before there is one",
});
testProgram({ program: "async_uids", what: "owners that other users have set" });
testProgram({ program: "async_orphans", what: "an owner that has ended" });
