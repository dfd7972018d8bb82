/** Programs as people run them: those of Debian, as they are, and a server. */
import { testProgram } from "./support/test_program.ts";

/** Bash blocks and catches signals for moments while it waits. */
const SIGNALS_OF_BASH = /status (SigBlk|SigCgt)$/;
/** Node and Redis map and unmap memory when they like. The images of the second dump are compared in full. */
const MEMORY = / map |status Vm/;

const scripts = new URL("real_programs/", import.meta.url).pathname;

testProgram({
  program: "bash",
  what: "a pipeline, background jobs and a coprocess",
  command: ({ directory }) => ["bash", `${scripts}jobs.sh`, directory],
  mayDiffer: SIGNALS_OF_BASH,
});
testProgram({
  program: "python3",
  what: "40 MB of objects, generators, threads and a child",
  command: ({ directory }) => ["python3", `${scripts}interpreter.py`, directory],
  needs: ["python3"],
});
testProgram({
  program: "node",
  what: "timers, promises, machine code, a worker and a child",
  // There is no way to dump rings of requests.
  command: ({ directory }) => ["env", "UV_USE_IO_URING=0", "node", `${scripts}node.cjs`, directory],
  mayDiffer: MEMORY,
  needs: ["node"],
});
testProgram({
  program: "sqlite3",
  what: "transactions under way",
  command: ({ directory }) => ["bash", `${scripts}sqlite.sh`, directory],
  dump: ["--file-locks"],
  restore: ["--file-locks"],
  mayDiffer: SIGNALS_OF_BASH,
  criuLoses: "locks on a file that is mapped, too: it closes the descriptor from which it has mapped it",
  needs: ["sqlite3"],
});
testProgram({
  program: "redis-server",
  what: "data, sockets that listen, and a client that waits",
  command: ({ directory }) => ["bash", `${scripts}redis.sh`, directory, String(freePort())],
  mayDiffer: new RegExp(`${SIGNALS_OF_BASH.source}|${MEMORY.source}`),
  needs: ["redis"],
});
testProgram({
  program: "server",
  what: "an epoll loop in a thread, and clients in the middle of requests",
  // The timer may just have run out, until the server has read that.
  mayDiffer: /fd 6$/,
  mayDifferInImages: /fd 6$/,
  criuLoses: "the interval of a timer that runs out while it is dumped",
});

/** A port of TCP that nothing used a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
