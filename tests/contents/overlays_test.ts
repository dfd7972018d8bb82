import { testProgram } from "./support/test_program.ts";

const restore = ["--root", "/"];
const criuFails = "it looks for the directories where it is itself";

testProgram({ program: "overlays", what: "overlays of directories that this host has", restore });
testProgram({
  program: "overlays_inside",
  what: "overlays of directories in file systems of the tasks' own",
  criuFails,
  restore,
});
testProgram({
  program: "overlays_nested",
  what: "overlays in several mount namespaces, and for a root directory",
  criuFails,
  restore,
});
