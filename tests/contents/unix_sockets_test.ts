import { testProgram } from "./support/test_program.ts";

/** Pages of a file that were written to count as memory of the task, where CRIU restores as well; not before. */
const MAPS = / map /;

testProgram({ program: "unix_pairs", what: "pairs with something under way" });
testProgram({ program: "unix_shared_pairs", what: "pairs between tasks, and a socket of three of them" });
testProgram({ program: "unix_connections", what: "connections made by name" });
testProgram({
  program: "unix_connection_names",
  what: "the names of connected sockets",
  criuLoses: "their names",
});
testProgram({ program: "unix_pending", what: "connections that nobody has accepted" });
testProgram({ program: "unix_half_closed", what: "what has been shut down" });
testProgram({
  program: "unix_shut_down_before",
  what: "what was shut down before it was connected",
  criuLoses: "that the other end is not shut down",
});
testProgram({ program: "unix_closed_peers", what: "peers that are gone" });
testProgram({
  program: "unix_dead_datagram_peer",
  what: "a datagram socket whose peer is gone",
  criuFails: "the queue is longer than it can make it",
  mayDiffer: MAPS,
});
testProgram({ program: "unix_datagrams", what: "datagram sockets connected to one with a name" });
testProgram({
  program: "unix_datagram_chain",
  what: "chains of datagram sockets",
  criuFails: "it does not find a peer that comes later in the images",
  mayDiffer: MAPS,
});
testProgram({ program: "unix_names", what: "paths, relative and abstract names" });
testProgram({ program: "unix_deleted_names", what: "names that are gone" });
testProgram({
  program: "unix_deleted_directory",
  what: "a relative name that is gone with its directory",
  criuFails: "it does not make the directory",
  mayDiffer: MAPS,
});
testProgram({ program: "unix_longest_name", what: "names as long as they can be" });
testProgram({ program: "unix_files_in_flight", what: "files in queues" });
testProgram({ program: "unix_sockets_in_flight", what: "sockets in queues, and in their own" });
testProgram({
  program: "unix_options",
  what: "options",
  criuLoses: "SO_REUSEADDR",
});
testProgram({ program: "unix_credentials", what: "passing credentials" });
testProgram({
  program: "unix_peer_credentials",
  what: "who is at the other end",
  criuLoses: "who made a socket",
});
testProgram({ program: "unix_full_stream", what: "a stream that is full" });
