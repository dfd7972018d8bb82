/** Programs of 32 bits: what of a task has another form then, and some of the rest. */
import { testProgram } from "./support/test_program.ts";

for (
  const [program, what] of [
    ["several", "two tasks with a little of everything"],
    ["threads", "six threads that wait"],
    ["robust_mutexes", "lists of robust futexes"],
    ["restart", "system calls in which tasks wait"],
    ["signal_actions", "actions of all signals"],
    ["breakpoint_signal", "SIGTRAP"],
    ["pending_signals", "queues of signals"],
    ["protections", "private and shared memory with every protection"],
    ["stacks", "stacks that grow"],
    ["cow", "memory that tasks share until they write"],
    ["events_of_requests", "contexts of io_setup with events that wait"],
    ["seccomp_chain", "filters of seccomp in their order"],
  ] as const
) {
  testProgram({ program, what: `${what}, with 32 bits`, isCompat: true });
}
for (const [program, what] of [["posix_timers", "POSIX timers"], ["interval_timers", "interval timers"]] as const) {
  testProgram({
    program,
    what: `${what}, with 32 bits`,
    isCompat: true,
    // A dump takes as long as it takes a timer to run out; that does not run again until its signal has been taken.
    mayDifferInImages: / (pendingSignals|interval timers)$/,
  });
}
testProgram({
  program: "poll_again",
  what: "a wait that nothing has interrupted goes on, with 32 bits",
  isCompat: true,
  criuLoses: "it has poll(2) fail with EINTR",
});
