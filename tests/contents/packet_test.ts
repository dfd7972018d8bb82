import { testProgram } from "./support/test_program.ts";

testProgram({ program: "packet_sockets", what: "packet sockets with devices, rings and groups" });
testProgram({ program: "packet_rings", what: "rings of a packet socket that are mapped" });
testProgram({ program: "packet_by_name", what: "packet sockets of the first kind" });
testProgram({
  program: "packet_by_name",
  what: "packet sockets of the first kind in a network that sysfs does not show",
  network: {},
  networkSetup: "ip link add cgrvsys type bridge",
  needs: ["iproute2"],
});
