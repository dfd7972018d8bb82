import { testProgram } from "./support/test_program.ts";

testProgram({ program: "pipes", what: "pipes with bytes in them, across tasks" });
testProgram({
  program: "opened_pipes",
  what: "ends of pipes that were opened by name",
  criuLoses: "which ones were",
});
testProgram({ program: "path_files", what: "regular files, directories, devices and O_PATH" });
