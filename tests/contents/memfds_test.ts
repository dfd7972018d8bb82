import { testProgram } from "./support/test_program.ts";

testProgram({ program: "memfd_files", what: "memfds that are not mapped" });
testProgram({ program: "memfd_mapped", what: "memfds that are mapped" });
testProgram({ program: "memfd_seals", what: "seals" });
testProgram({
  program: "memfd_sealed_mapping",
  what: "a shared mapping of a memfd that cannot be written to",
  criuFails: "it seals memfds after they have been mapped",
});
testProgram({ program: "memfd_programs", what: "memfds that can be run, and that cannot" });
testProgram({ program: "memfd_huge", what: "memfds of huge pages", hugePages: 16 });

for (
  const [program, what] of [["memfd_executed", "a program"], ["memfd_executed_sealed", "a sealed program"]] as const
) {
  testProgram({ program, what: `${what} that is in a memfd`, criuFails: "it wants executables to have a name" });
}
