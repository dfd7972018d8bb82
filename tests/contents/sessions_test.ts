import { testProgram } from "./support/test_program.ts";

testProgram({ program: "sessions", what: "sessions and groups below each other" });
