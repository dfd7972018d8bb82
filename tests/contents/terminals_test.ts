import { testProgram } from "./support/test_program.ts";

testProgram({
  program: "pty_pair",
  what: "both ends of a pseudoterminal, opened several times; mode, size, owner and permissions",
});
testProgram({
  program: "pty_modes",
  what: "packet mode, a locked slave, exclusive use, and a mode of which parts are locked",
  criuFails: "it locks the mode before it sets it, and forgets exclusive use",
});
testProgram({
  program: "pty_queues",
  what: "bytes on their way, lines among them, and packets",
  criuFails: "it writes them to the other end, so that they are echoed and translated once more",
});
testProgram({
  program: "pty_full_queues",
  what: "as many bytes on their way as there is room for",
  criuFails: "it waits for ever to write all of them",
});
testProgram({ program: "pty_hung", what: "slaves whose master has been closed" });
testProgram({ program: "pty_master_only", what: "masters whose slaves nobody has open" });
testProgram({ program: "pty_in_child", what: "a master that only a child has" });
testProgram({
  program: "pty_controlling",
  what: "a controlling terminal, and /dev/tty, of a task and its child",
  criuFails: "its leader takes the terminal when the child has been made, which has none then",
});
testProgram({
  program: "pty_two_openings",
  what: "/dev/tty opened twice",
  criuFails: "each opening waits for the other one",
});
testProgram({
  program: "pty_foreground",
  what: "a job in the foreground of a terminal, and keys for it",
  criuFails: "the job has no controlling terminal any more",
});
testProgram({ program: "pty_other_leader", what: "a terminal of which only another session has a descriptor" });
testProgram({
  program: "pty_shell",
  what: "an interactive shell with a job in the background and one in the foreground",
  criuFails: "the jobs have no controlling terminal any more",
  // The shell is told when its jobs are left stopped.
  mayDifferInImages: /pendingSignals/,
});
testProgram({
  program: "virtual_terminal",
  what: "a virtual terminal by a name of its own, and the console",
});
testProgram({
  program: "several_terminals",
  what: "terminals of several sessions",
  criuFails: "each of them has /dev/tty",
});
