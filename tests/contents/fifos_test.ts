import { testProgram } from "./support/test_program.ts";

testProgram({ program: "fifos", what: "FIFOs with contents, openers of each kind and in two tasks" });
testProgram({ program: "fifo_ends", what: "FIFOs with readers or writers only" });
testProgram({ program: "fifo_unlinked", what: "FIFOs without a name" });
