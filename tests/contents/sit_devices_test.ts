/** Tunnels for IPv6 in IPv4, in net namespaces of the tasks' own. */
import { testProgram } from "./support/test_program.ts";

testProgram({
  program: "net_sit",
  what: "tunnels for IPv6 in IPv4",
  dump: ["--network-lock", "skip"],
  needs: ["iproute2", "sit"],
  criuLoses: "it has sizes of packets found out where they were not, and the kernel makes an address",
});
