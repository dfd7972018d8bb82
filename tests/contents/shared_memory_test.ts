import { testProgram } from "./support/test_program.ts";

testProgram({ program: "shared_memory", what: "segments in pieces, at other addresses and with other protections" });
testProgram({ program: "sparse_sharing", what: "terabytes of a segment, hardly used" });
testProgram({ program: "mapped_memfds", what: "memfds in part, sealed against new writers, and mapped only" });
testProgram({
  program: "sealed_mapping",
  what: "a memfd that is sealed against writing",
  criuFails: "it maps the memfd as it was opened, and then cannot seal it",
  // It is mapped as if it had been opened for reading; and CRIU's dump leaves a page of its own in the program.
  mayDiffer: / map /,
  mayDifferInImages: / map /,
});
