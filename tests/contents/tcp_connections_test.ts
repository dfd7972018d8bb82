import { testProgram } from "./support/test_program.ts";

/** Connections on which nothing moves need no lock: no side sends anything before the other one is there. */
const UNLOCKED = ["--tcp-established", "--network-lock", "skip"];
const RESTORE = ["--tcp-established"];
const CRIU_SENDS = "it sends before the other side is there";
/** nftables drops the packets of the connections; so the network is nobody else's. */
const LOCKED = {
  network: {},
  dump: ["--tcp-established", "--network-lock", "nftables"],
  secondDump: UNLOCKED,
};

testProgram({
  program: "tcp_established",
  what: "TCP connections with bytes in their queues",
  dump: UNLOCKED,
  restore: RESTORE,
});
testProgram({
  program: "tcp_established",
  what: "TCP connections that nftables locks",
  ...LOCKED,
  restore: RESTORE,
});
testProgram({
  program: "tcp_full",
  what: "TCP connections whose buffers are full",
  ...LOCKED,
  restore: RESTORE,
  criuFails: CRIU_SENDS,
  // Filling pages of a mapping that is not writable makes it count as memory of the task's own, here and with CRIU.
  mayDiffer: / map /,
  // Bytes have gone over to the other side, where there is a little more room than there was.
  mayDifferInImages: / fd [4-7]$/,
});
testProgram({
  program: "tcp_half_closed",
  what: "TCP connections of which one side has ended",
  dump: UNLOCKED,
  restore: RESTORE,
});
testProgram({ program: "tcp_ended", what: "TCP connections that have ended", dump: UNLOCKED, restore: RESTORE });
testProgram({
  program: "tcp_unacknowledged",
  what: "TCP connections with bytes and ends under way",
  ...LOCKED,
  restore: RESTORE,
  criuLoses: CRIU_SENDS,
});
testProgram({
  program: "tcp_end_unsent",
  what: "TCP connections whose end has not been sent yet",
  ...LOCKED,
  restore: RESTORE,
  criuFails: CRIU_SENDS,
  // As with full buffers.
  mayDiffer: / map /,
  mayDifferInImages: / fd [4-9]$/,
});
testProgram({
  program: "tcp_syn_sent",
  what: "a TCP connection that has not been answered",
  dump: [...UNLOCKED, "--skip-in-flight"],
  restore: RESTORE,
  criuFails: "it sets a window, which such a socket does not have",
  // As with full buffers; and what was accepted by nobody is not dumped: the other side of it ends, and there is room
  // for the next.
  mayDiffer: / map | fd [4-6]$/,
  mayDifferInImages: / fd [4-6]$/,
});
testProgram({
  program: "tcp_close",
  what: "TCP connections that are dumped, and restored closed",
  dump: UNLOCKED,
  restore: ["--tcp-close"],
  // Then they are no connections any more.
  mayDifferInImages: / fd [45]$/,
});
testProgram({
  program: "tcp_close",
  what: "TCP connections that are not dumped, and restored closed",
  dump: ["--tcp-close"],
  restore: ["--tcp-close"],
  mayDifferInImages: / fd [45]$/,
});
