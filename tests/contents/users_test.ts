import { testProgram } from "./support/test_program.ts";

// CRIU asks for the limits of tasks that are not ours, which needs CAP_SYS_RESOURCE.
testProgram({ program: "users", what: "users and groups", needs: ["resources"] });
testProgram({
  program: "user_outer",
  what: "what only somebody outside of a user namespace may set",
  needs: ["resources"],
  criuFails: "without a pid namespace, it mounts a proc, which nobody in the user namespace may do",
});
