import { testProgram } from "./support/test_program.ts";

testProgram({ program: "threads", what: "six threads that wait" });
testProgram({ program: "thread_crowd", what: "so many threads that the kernel tells of their stacks in pieces" });
testProgram({ program: "robust_mutexes", what: "lists of robust futexes" });
testProgram({ program: "restart", what: "system calls in which tasks wait" });
testProgram({
  program: "poll_again",
  what: "a wait that nothing has interrupted goes on",
  criuLoses: "it has poll(2) fail with EINTR",
});
testProgram({ program: "rseq", what: "restartable sequences, in critical sections" });
