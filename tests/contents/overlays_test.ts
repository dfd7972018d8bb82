import { testProgram } from "./support/test_program.ts";

const ROOT = ["--root", "/"];

testProgram({ program: "overlays", what: "overlays of directories that this host has", restore: ROOT });
testProgram({
  program: "overlays_inside",
  what: "overlays of directories in file systems of the tasks' own",
  criuFails: "it looks for the directories where it is itself",
  restore: ROOT,
});
testProgram({
  program: "overlays_nested",
  what: "overlays in several mount namespaces, and for a root directory",
  criuFails: "it looks for the directories where it is itself",
  restore: ROOT,
});
