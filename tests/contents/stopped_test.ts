import { testProgram } from "./support/test_program.ts";

testProgram({ program: "stopped", what: "tasks that are stopped", criuLoses: "that parents have been told" });
testProgram({ program: "stopped_with_signal", what: "signals of tasks that are stopped" });
