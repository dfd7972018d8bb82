import { testProgram } from "./support/test_program.ts";

testProgram({ program: "netlink_sockets", what: "netlink sockets, bound, in groups and connected" });
testProgram({
  program: "netlink_without_group",
  what: "a netlink socket that is connected to a port and to no group",
  criuLoses: "it takes no group for the last one",
});
