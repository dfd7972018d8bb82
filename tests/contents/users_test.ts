import { testProgram } from "./support/test_program.ts";

// CRIU asks for the limits of tasks that are not ours, which needs CAP_SYS_RESOURCE.
testProgram({ program: "users", what: "users and groups", needs: ["resources"] });
