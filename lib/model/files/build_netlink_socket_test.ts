import { deepEqual as assertEquals } from "node:assert/strict";
import type { NetlinkSkEntry } from "../../gen/netlink.ts";
import { readSkOptsEntry } from "../../gen/sockets.ts";
import { MessageReader } from "../../wire/message_reader.ts";
import { ELSEWHERE } from "../net_numbers.ts";
import { buildNetlinkSocket } from "./build_netlink_socket.ts";

const ENTRY: NetlinkSkEntry = {
  id: 1,
  ino: 7,
  protocol: 4,
  state: 0,
  flags: 2,
  portid: 77,
  groups: [],
  dstPortid: 0,
  dstGroup: 0,
  fown: { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 },
  opts: readSkOptsEntry(new MessageReader(new Uint8Array([0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x28, 0, 0x30, 0]))),
  nsId: undefined,
};

Deno.test("buildNetlinkSocket() numbers groups from 1 on, also beyond the first 32", () => {
  assertEquals(buildNetlinkSocket(1, { ...ENTRY, groups: [0x8000_0005, 1] }, { networks: [9] }).groups, [1, 3, 32, 33]);
});

Deno.test("buildNetlinkSocket() knows a connection to the kernel from none", () => {
  assertEquals(buildNetlinkSocket(1, ENTRY, { networks: [9] }).remote, undefined);
  assertEquals(buildNetlinkSocket(1, { ...ENTRY, state: 1 }, { networks: [9] }).remote, { port: 0, group: 0 });
});

Deno.test("buildNetlinkSocket() knows in which network a socket is", () => {
  assertEquals(buildNetlinkSocket(1, { ...ENTRY, nsId: 9 }, { networks: [9] }).network, 0);
  assertEquals(buildNetlinkSocket(1, { ...ENTRY, nsId: 8 }, { networks: [9] }).network, ELSEWHERE);
});
