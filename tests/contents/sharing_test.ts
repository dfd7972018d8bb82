import { testProgram } from "./support/test_program.ts";

testProgram({ program: "shared_descriptors", what: "tasks with one table of descriptors" });
