/** Net namespaces of the tasks' own, and those that others set up. */
import { testProgram } from "./support/test_program.ts";

/** The lock that CRIU sets up otherwise needs iptables. */
const UNLOCKED = ["--network-lock", "skip"];

testProgram({ program: "net_down", what: "a loopback device that is down", dump: UNLOCKED });
testProgram({ program: "net_sockets", what: "sockets of all kinds in a net namespace", dump: UNLOCKED });
testProgram({
  program: "net_connection",
  what: "a connection within a net namespace",
  dump: [...UNLOCKED, "--tcp-established"],
  restore: ["--tcp-established"],
});
testProgram({ program: "net_addresses", what: "addresses and routes of both families", dump: UNLOCKED });
testProgram({
  program: "net_bare",
  what: "a loopback device without its own addresses",
  dump: UNLOCKED,
  criuLoses: "it leaves the addresses that the kernel makes",
});
testProgram({ program: "net_settings", what: "settings of a net namespace", dump: UNLOCKED });
testProgram({ program: "net_without_ipv6", what: "a net namespace without IPv6", dump: UNLOCKED });
testProgram({
  program: "net_sockets",
  what: "a net namespace that the root joins",
  dump: UNLOCKED,
  cgrestore: ["--restore-sibling"],
});
