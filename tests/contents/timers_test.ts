import { testProgram } from "./support/test_program.ts";

// Timers run out while tasks are stopped for another dump, and while they are looked at.
const mayDifferInImages = /pendingSignals|interval timers/;
testProgram({
  program: "interval_timers",
  what: "interval timers",
  mayDiffer: /ShdPnd/,
  mayDifferInImages,
});
testProgram({ program: "posix_timers", what: "POSIX timers", mayDifferInImages });
testProgram({
  program: "posix_timers",
  what: "POSIX timers, whose ids cannot be chosen in older kernels",
  mayDifferInImages,
  pretend: { "/proc/sys/kernel/osrelease": "6.1.0\n" },
});
testProgram({ program: "overrun", what: "timers whose signals are pending", mayDifferInImages });
testProgram({
  program: "unarmed_cpu_timer",
  what: "timers of the processor's time that have an interval and do not run",
  criuLoses: "that they do not run",
});
