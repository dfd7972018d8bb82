import { testProgram } from "./support/test_program.ts";

testProgram({ program: "signal_actions", what: "actions of all signals" });
testProgram({ program: "breakpoint_signal", what: "SIGTRAP" });
testProgram({ program: "pending_signals", what: "queues of signals" });
testProgram({ program: "signals_of_kernel", what: "pending signals that the kernel made" });
testProgram({
  program: "too_many_signals",
  what: "more signals than RLIMIT_SIGPENDING allows",
  criuFails: "it sets the limit first",
  // What a restore has written to is accounted for.
  mayDiffer: / map /,
});
