import { testProgram } from "./support/test_program.ts";

testProgram({ program: "eventfds", what: "counters and flags, in two tasks" });
testProgram({
  program: "large_eventfds",
  what: "counters beyond 32 bits",
  criuLoses: "all but the lowest 32 bits of the counters",
});
testProgram({ program: "epolls", what: "level, edge, oneshot, exclusive and nested watches" });
testProgram({
  program: "epoll_oneshots",
  what: "watches that keep quiet",
  // The kernel adds EPOLLERR and EPOLLHUP to a watch of what has nothing to tell.
  mayDiffer: /fd 3$/,
  mayDifferInImages: /fd 3$/,
  criuLoses: "that they are quiet about EPOLLHUP",
});
testProgram({
  program: "epoll_numbers",
  what: "watches by several numbers, and by some that were used again",
  // CRIU writes other numbers to the images where those of the watches are no descriptors any more. Pages of the
  // program that are in the images make its mapping one that counts as memory, as they do with CRIU.
  mayDiffer: /fd (3|90)$| map 00401000/,
  mayDifferInImages: /fd (3|90)$/,
  criuFails: "it adds two watches with the same number",
});
testProgram({ program: "signalfds", what: "signals that wait, and later ones, watched by epoll" });
testProgram({ program: "timerfds", what: "clocks, absolute times, intervals and expirations" });
testProgram({
  program: "overdue_timerfds",
  what: "timers that have expired and were not read, with intervals",
  criuLoses: "the intervals of those, and that others were disarmed",
});
