import { testProgram } from "./support/test_program.ts";

testProgram({ program: "async_owners", what: "files that signal a task, a thread, a child and a group" });
testProgram({ program: "async_uids", what: "owners that other users have set" });
testProgram({ program: "async_orphans", what: "an owner that has ended" });
