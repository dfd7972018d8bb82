import { testProgram } from "./support/test_program.ts";

testProgram({ program: "tcp_listen", what: "TCP sockets that listen, of both families" });
testProgram({ program: "tcp_unconnected", what: "TCP sockets that are not connected" });
testProgram({ program: "tcp_reuseport", what: "several TCP sockets that listen at one port" });
testProgram({ program: "udp", what: "UDP and UDP-Lite, bound, connected and shut down" });
testProgram({ program: "udp_reuseport", what: "UDP sockets with one port for all" });
testProgram({ program: "inet_options", what: "options of IP, TCP and sockets" });
testProgram({ program: "raw_sockets", what: "raw sockets" });
testProgram({
  program: "ping",
  what: "sockets of ICMP messages",
  network: { "ipv4/ping_group_range": "0 2147483647" },
});
testProgram({
  program: "inet_absent",
  what: "addresses that this host does not have",
  cgrestore: ["--on-missing=skip"],
  criuFails: "it binds IPv4 without IP_FREEBIND",
});
testProgram({
  program: "inet_details",
  what: "addresses without a port, of no device, of one link and of all hosts, and headers left to the kernel",
  network: { "ipv4/ping_group_range": "0 2147483647" },
  criuFails: "it binds no ICMP socket, nothing without a port, IPv4 before IP_FREEBIND, multicast addresses without " +
    "their link, connects before SO_BROADCAST, and sets no option that is off",
  // Filling pages of a mapping that is not writable makes it count as memory of the task's own, here and with CRIU.
  mayDiffer: / map /,
});
