import { testProgram } from "./support/test_program.ts";

const OPTIONS = { dump: ["--file-locks"], restore: ["--file-locks"] };

testProgram({ program: "posix_locks", what: "record locks of two tasks", ...OPTIONS });
testProgram({ program: "flocks", what: "flock(2), also of open files that tasks share", ...OPTIONS });
testProgram({ program: "ofd_locks", what: "locks of open files", ...OPTIONS });
testProgram({ program: "leases", what: "leases for reading and writing", ...OPTIONS });
testProgram({
  program: "silent_leases",
  what: "a lease that nobody is told of",
  ...OPTIONS,
  criuLoses: "that it has no owner",
});
testProgram({
  program: "breaking_leases",
  what: "leases that are to be given back",
  ...OPTIONS,
  criuLoses: "that the task has been told already",
});
