import { testProgram } from "./support/test_program.ts";

testProgram({
  program: "zombies",
  what: "children that have ended",
  criuLoses: "the highest bit of what they have returned",
});
testProgram({ program: "told_zombie", what: "signals of children that have ended do not come again" });
