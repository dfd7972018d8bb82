import { deepEqual as assertEquals } from "node:assert/strict";
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  type UnixSocket,
} from "../../../model/files/unix_socket.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import {
  aName,
  aPacket,
  aUnixSocket,
  DIRECTORY,
  type PlannedUnix,
  planUnix,
  type UnixCase,
} from "../../../../tests/support/unix_sockets.ts";

const CONNECTED = { state: "connected" } as const;
const BOTH = RCV_SHUTDOWN | SEND_SHUTDOWN;
const DATAGRAM = { type: SOCK_DGRAM } as const;
const SOCKET_FILE = 0o140755;

function aListener(inode: number, name: string, changes: Partial<UnixSocket> = {}): UnixSocket {
  return aUnixSocket(inode, { state: "listening", backlog: 5, name: aName(name), ...changes });
}

/** What is done but for the last to each socket, which is always the same. */
function actionsOf({ lines, problems }: PlannedUnix): readonly string[] {
  assertEquals(problems, []);
  return lines.filter((line) => !line.startsWith("settle"));
}

const STREAMS: readonly (readonly [string, UnixCase, readonly string[]])[] = [
  ["a new socket", { sockets: [aUnixSocket(1)] }, ["make 1"]],
  ["one that listens", { sockets: [aListener(1, "/run/web")] }, [
    "make 1",
    "bind 1 /run/web, file *0, visible",
    "listen 1 5 by 77",
  ]],
  ["one whose name is gone", { sockets: [aUnixSocket(1, { name: aName("/gone/web", { isDeleted: true }) })] }, [
    "make 1",
    "bind 1 /gone/web, file *0, hidden isRemoved=true",
  ]],
  ["a pair, made by the first who has one of them", {
    sockets: [aUnixSocket(1, { ...CONNECTED, peer: 2 }), aUnixSocket(2, { ...CONNECTED, peer: 1 })],
    holders: { 77: { inodes: [] }, 78: { uid: 1000, inodes: [2] }, 79: { inodes: [1, 2] } },
  }, ["pair 1 2 by 78 as 1000"]],
  ["what is under way in a pair", {
    sockets: [
      aUnixSocket(1, { ...CONNECTED, peer: 2, packets: [aPacket("to 1")] }),
      aUnixSocket(2, { ...CONNECTED, peer: 1, packets: [aPacket("to 2"), aPacket("again")] }),
    ],
  }, ["pair 1 2 by 77", "send 2: to 1", "send 1: to 2 again"]],
  ["a pair in a queue of its own", {
    sockets: [
      aUnixSocket(1, { ...CONNECTED, peer: 2, packets: [aPacket("both", [101, 102])] }),
      aUnixSocket(2, { ...CONNECTED, peer: 1 }),
    ],
  }, ["pair 1 2 by 77", "send 2: both+1,+2"]],
  ["an end whose peer is gone: who knows who that was", {
    sockets: [aUnixSocket(1, { ...CONNECTED, shutdown: BOTH, packets: [aPacket("last")] })],
  }, ["pair 1 *0 by 77 as 65534", "send *0: last", "close *0", "shut-down 1 3"]],
  ["the same, where there is no id for nobody", {
    sockets: [aUnixSocket(1, { ...CONNECTED, shutdown: BOTH })],
    user: { uids: [{ first: 0, outside: 100000, count: 1001 }], gids: [{ first: 0, outside: 100000, count: 9 }] },
  }, ["pair 1 *0 by 77 as 1000", "close *0", "shut-down 1 3"]],
  ["a half-closed pair", {
    sockets: [
      aUnixSocket(1, { ...CONNECTED, peer: 2, shutdown: SEND_SHUTDOWN }),
      aUnixSocket(2, { ...CONNECTED, peer: 1, shutdown: RCV_SHUTDOWN, packets: [aPacket("early")] }),
    ],
  }, ["pair 1 2 by 77", "send 1: early", "shut-down 1 2", "shut-down 2 1"]],
  ["connections that were accepted, and are not: these come last", {
    sockets: [
      aUnixSocket(4, { ...CONNECTED, peer: 1 }),
      aListener(1, "@web"),
      aUnixSocket(2, { ...CONNECTED, peer: 3 }),
      aUnixSocket(3, { ...CONNECTED, peer: 2, name: aName("@web") }),
    ],
  }, [
    "make 1",
    "bind 1 @web",
    "listen 1 5 by 77",
    "make 2",
    "connect 2 @web by 77",
    "accept 3 from 1",
    "make 4",
    "connect 4 @web by 77",
  ]],
  ["the same abstract name in two net namespaces", {
    sockets: [
      aListener(1, "@web"),
      aListener(2, "@web", { network: 1 }),
      aUnixSocket(3, { ...CONNECTED, peer: 4, network: 1 }),
      aUnixSocket(4, { ...CONNECTED, peer: 3, network: 1, name: aName("@web") }),
    ],
    holders: { 77: { inodes: [1] }, 78: { network: 1, inodes: [2, 3, 4] } },
  }, [
    "make 1",
    "bind 1 @web",
    "make 2 in net 1",
    "bind 2 @web",
    "listen 1 5 by 77",
    "listen 2 5 by 78",
    "make 3 in net 1",
    "connect 3 @web by 78",
    "accept 4 from 2",
  ]],
  ["a connection from another net namespace: what is accepted is in that, too", {
    sockets: [
      aListener(1, "/run/web"),
      aUnixSocket(3, { ...CONNECTED, peer: 4, network: 1 }),
      aUnixSocket(4, { ...CONNECTED, peer: 3, network: 1, name: aName("/run/web") }),
    ],
    holders: { 77: { inodes: [1, 4] }, 78: { network: 1, inodes: [3] } },
  }, [
    "make 1",
    "bind 1 /run/web, file *0, visible",
    "listen 1 5 by 77",
    "make 3 in net 1",
    "connect 3 file *0 by 78",
    "accept 4 from 1",
  ]],
  ["a pair in a net namespace: a task in it makes it", {
    sockets: [
      aUnixSocket(1, { ...CONNECTED, peer: 2, network: 1 }),
      aUnixSocket(2, { ...CONNECTED, peer: 1, network: 1 }),
    ],
    holders: { 77: { inodes: [] }, 78: { network: 1, inodes: [1, 2] } },
  }, ["pair 1 2 by 78 in net 1"]],
  ["one that was accepted by somebody who does not listen any more", {
    sockets: [
      aUnixSocket(5, { ...CONNECTED, peer: 4, name: aName("/run/web") }),
      aUnixSocket(4, { ...CONNECTED, peer: 5, name: aName("@own") }),
    ],
  }, [
    "make *0",
    "bind *0 /run/web, file *1, hidden isRemoved=false",
    "listen *0 1 by 77",
    "make 4",
    "bind 4 @own",
    "connect 4 file *1 by 77",
    "accept 5 from *0",
    "close *0",
  ]],
  ["one that was accepted, and whose peer is gone", {
    sockets: [aUnixSocket(5, { ...CONNECTED, shutdown: BOTH, name: aName("@web"), packets: [aPacket("last")] })],
  }, [
    "make *0",
    "bind *0 @web",
    "listen *0 1 by 77",
    "make *1",
    "connect *1 @web by 77 as 65534",
    "accept 5 from *0",
    "close *0",
    "send *1: last",
    "close *1",
    "shut-down 5 3",
  ]],
  ["a name that the kernel chose is the socket's own", {
    sockets: [aUnixSocket(5, { ...CONNECTED, shutdown: BOTH, name: aName("@0a1b2") })],
  }, ["pair 5 *0 by 77 as 65534", "bind 5 @0a1b2", "close *0", "shut-down 5 3"]],
  ["one that was shut down before it was connected", {
    sockets: [
      aListener(1, "@web"),
      aUnixSocket(2, { ...CONNECTED, peer: 3, shutdown: BOTH }),
      aUnixSocket(3, { ...CONNECTED, peer: 2, name: aName("@web"), shutdown: RCV_SHUTDOWN }),
    ],
  }, [
    "make 1",
    "bind 1 @web",
    "listen 1 5 by 77",
    "make 2",
    "shut-down 2 1",
    "connect 2 @web by 77",
    "accept 3 from 1",
    "shut-down 2 2",
    "shut-down 3 1",
  ]],
  ["the answer of CRIU's service", { sockets: [aUnixSocket(1, { type: SOCK_SEQPACKET, role: "service" })] }, [
    "pair 1 *0 by 77 as 65534",
    "send *0: \b\u0001\u0010\u0001\u001a\u0002\b\u0001",
    "close *0",
  ]],
  ["sockets that are in flight only", {
    sockets: [
      aUnixSocket(1, { ...CONNECTED, peer: 2 }),
      aUnixSocket(2, { ...CONNECTED, peer: 1, packets: [aPacket("one", [103])] }),
      aUnixSocket(3, { ...CONNECTED, peer: 4 }),
      aUnixSocket(4, { ...CONNECTED, peer: 3 }),
    ],
    holders: { 77: { inodes: [1, 2] } },
  }, ["pair 1 2 by 77", "pair 3 4 by 77 as 65534", "send 1: one+3"]],
];

const DATAGRAMS: readonly (readonly [string, UnixCase, readonly string[]])[] = [
  ["a new socket", { sockets: [aUnixSocket(1, DATAGRAM)] }, ["make 1"]],
  ["a pair with a name", {
    sockets: [
      aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 2, name: aName("@one") }),
      aUnixSocket(2, { ...DATAGRAM, ...CONNECTED, peer: 1 }),
    ],
  }, ["pair 1 2 by 77", "bind 1 @one"]],
  ["two that are connected to each other by name", {
    sockets: [
      aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 2, name: aName("@one"), packets: [aPacket("to 1")] }),
      aUnixSocket(2, { ...DATAGRAM, ...CONNECTED, peer: 1, name: aName("@two"), packets: [aPacket("to 2")] }),
    ],
  }, [
    "make 1",
    "bind 1 @one",
    "make 2",
    "bind 2 @two",
    "connect 1 @two",
    "connect 2 @one",
    "send 1: to 2",
    "send 2: to 1",
  ]],
  ["one connected to itself", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 1, name: aName("@one"), packets: [aPacket("me")] })],
  }, ["make 1", "bind 1 @one", "connect 1 @one", "send 1: me"]],
  ["a chain: first those who are connected, and what they have sent", {
    sockets: [
      aUnixSocket(3, { ...DATAGRAM, ...CONNECTED, name: aName("@three") }),
      aUnixSocket(2, { ...DATAGRAM, ...CONNECTED, peer: 3, name: aName("@two"), packets: [aPacket("to 2")] }),
      aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 2 }),
    ],
  }, [
    "make 3",
    "bind 3 @three",
    "make 2",
    "bind 2 @two",
    "make 1",
    "connect 1 @two",
    "send 1: to 2",
    "connect 2 @three",
  ]],
  ["what somebody has sent who is gone", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, name: aName("@one"), packets: [aPacket("sent")] })],
  }, ["make 1", "bind 1 @one", "make *0", "send *0 to @one: sent", "close *0"]],
  ["somebody has been connected to it who is gone", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, name: aName("@one"), packets: [aPacket("sent")] })],
  }, ["make 1", "bind 1 @one", "make *0", "connect *0 @one", "send *0: sent", "close *0"]],
  ["its peer is gone, who may have sent any number", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, packets: Array(20).fill(aPacket("x")) })],
  }, ["pair 1 *0 by 77 as 65534", `send *0: ${Array(20).fill("x").join(" ")}`, "close *0"]],
  ["the same, as kernels before 5.15 tell of it", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, packets: Array(20).fill(aPacket("x")) })],
  }, ["pair 1 *0 by 77 as 65534", `send *0: ${Array(20).fill("x").join(" ")}`, "close *0"]],
  ["it has been disconnected from what has sent something", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, packets: [aPacket("sent")] })],
  }, ["pair 1 *0 by 77 as 65534", "connect 1 nobody", "send *0: sent", "close *0"]],
  ["a peer that is outside", {
    sockets: [
      aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 9, packets: [aPacket("before")] }),
      aUnixSocket(9, { ...DATAGRAM, role: "external", state: "listening", name: aName("@log") }),
    ],
    host: { unix: { abstractNames: new Set(["2 @log"]), longestQueue: 11 } },
    externalUnixSockets: true,
  }, ["pair 1 *0 by 77 as 65534", "connect 1 nobody", "send *0: before", "connect 1 @log", "close *0"]],
  ["a peer that is outside, with a path", {
    sockets: [
      aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 9 }),
      aUnixSocket(9, { ...DATAGRAM, role: "external", state: "listening", name: aName("/run/log") }),
    ],
    host: { files: new Map([["/run/log", { mode: SOCKET_FILE, size: 0, device: 0, answer: "datagram" }]]) },
    externalUnixSockets: true,
  }, ["make 1", "connect 1 file *0"]],
];

Deno.test("planUnixSocket() plans how sockets are made and connected", async (t) => {
  for (const [name, socketsOf, expected] of STREAMS) {
    await t.step(name, () => assertEquals(actionsOf(planUnix(socketsOf)), expected));
  }
});

Deno.test("planUnixSocket() plans the sockets of datagrams", async (t) => {
  for (const [name, socketsOf, expected] of DATAGRAMS) {
    await t.step(name, () => assertEquals(actionsOf(planUnix(socketsOf)), expected));
  }
});

Deno.test("planUnixSocket() gives every socket its options and flags last, after all have been shut down", () => {
  const { lines } = planUnix({
    sockets: [aUnixSocket(1, { shutdown: SEND_SHUTDOWN }), aUnixSocket(2, { shutdown: SEND_SHUTDOWN })],
  });
  assertEquals(lines, ["make 1", "make 2", "shut-down 1 2", "shut-down 2 2", "settle 1", "settle 2"]);
});

const PLACES: readonly (readonly [string, UnixCase["host"], string])[] = [
  ["no file", undefined, "visible"],
  ["the file of a socket that is gone", found(SOCKET_FILE, "none"), "visible aside=/run/.cgrestore-web"],
  ["the file of a socket of which it may not be told", found(SOCKET_FILE), "visible aside=/run/.cgrestore-web"],
];

function found(mode: number, answer?: "none" | "datagram" | "other", more: readonly string[] = []): UnixCase["host"] {
  const file = { mode, size: 0, device: 0, ...answer === undefined ? {} : { answer } };
  return { files: new Map([["/run", DIRECTORY], ["/run/web", file], ...more.map((path) => [path, file] as const)]) };
}

Deno.test("planUnixSocket() plans what becomes of the file at the name of a socket", async (t) => {
  for (const [name, host, expected] of PLACES) {
    await t.step(name, () => {
      const planned = planUnix({ sockets: [aListener(1, "/run/web")], ...host === undefined ? {} : { host } });
      assertEquals(actionsOf(planned)[1], `bind 1 /run/web, file *0, ${expected}`);
    });
  }
});

const WHERE = "task 77, descriptor 0, unix socket 1";
const OUTSIDE = aUnixSocket(9, { ...DATAGRAM, role: "external", state: "listening" });
const TALKER = aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 9 });

const REFUSALS: readonly (readonly [string, UnixCase, readonly string[]])[] = [
  ["a file that is no socket", { sockets: [aListener(1, "/run/web")], host: found(0o100644) ?? {} }, [
    `${WHERE} "/run/web": a file that is no socket has its name here`,
  ]],
  ["a socket that answers", { sockets: [aListener(1, "/run/web")], host: found(SOCKET_FILE, "other") ?? {} }, [
    `${WHERE} "/run/web": another socket answers at its name here`,
  ]],
  ["what is left of a restore", {
    sockets: [aListener(1, "/run/web")],
    host: found(SOCKET_FILE, "none", ["/run/.cgrestore-web"]) ?? {},
  }, [`${WHERE} "/run/web": "/run/.cgrestore-web" is left from a restore that was killed: remove it`]],
  ["no directory", { sockets: [aListener(1, "/none/web")] }, [
    `${WHERE} "/none/web": there is no directory "/none" here`,
  ]],
  ["a relative name from nowhere", { sockets: [aListener(1, "web")] }, [
    `${WHERE} "web": where its relative name starts from is not known`,
  ]],
  ["an abstract name that is taken", {
    sockets: [aListener(1, "@web")],
    host: { unix: { abstractNames: new Set(["1 @web"]), longestQueue: 1 } },
  }, [`${WHERE} "@web": another socket has its name here`]],
  ["one name twice", { sockets: [aListener(1, "/run/web"), aListener(2, "/run/web")] }, [
    'task 77, descriptor 1, unix socket 2 "/run/web": another socket of the checkpoint has the same name',
  ]],
  ["an unknown type", { sockets: [aUnixSocket(1, { type: 3 })] }, [`${WHERE}: its type 3 is unknown`]],
  ["a plugin's socket", { sockets: [aUnixSocket(1, { role: "plugin" })] }, [
    `${WHERE}: only the plugin of CRIU that has dumped it can restore it`,
  ]],
  ["another net namespace", { sockets: [aUnixSocket(1, { network: ELSEWHERE })] }, [
    `${WHERE}: it is in a net namespace that none of the tasks is in`,
  ]],
  ["a pair of another net namespace than the task's that has it", {
    sockets: [aUnixSocket(1, { ...CONNECTED, shutdown: BOTH, network: 1 })],
  }, [`${WHERE}: task 77, which would have to make it, is in another net namespace than it was`]],
  ["strange control messages", {
    sockets: [aUnixSocket(1, { ...CONNECTED, shutdown: BOTH, packets: [{ ...aPacket(""), unknownControls: [2, 2] }] })],
  }, [`${WHERE}: control messages of type 2 in its queue cannot be restored`]],
  ["a connection with nobody", { sockets: [aUnixSocket(1, CONNECTED)] }, [
    `${WHERE}: it is connected to nobody, and has not been shut down`,
  ]],
  ["a peer that does not know of it", {
    sockets: [aUnixSocket(1, { ...CONNECTED, peer: 2 }), aUnixSocket(2)],
  }, [`${WHERE}: its peer, unix socket 2, is not connected to it`]],
  ["a stream to the outside", { sockets: [{ ...TALKER, type: SOCK_SEQPACKET }, OUTSIDE], externalUnixSockets: true }, [
    `${WHERE}: its peer is outside of the checkpoint, and the connection cannot be restored`,
  ]],
  ["a stream to the outside that knows of it", {
    sockets: [{ ...TALKER, type: SOCK_STREAM }, { ...OUTSIDE, ...CONNECTED, type: SOCK_STREAM, peer: 1 }],
  }, [`${WHERE}: its peer is outside of the checkpoint, and the connection cannot be restored`]],
  ["the outside without a name", { sockets: [TALKER, OUTSIDE], externalUnixSockets: true }, [
    `${WHERE}: its peer is outside of the checkpoint, and has no name`,
  ]],
  ["the outside without being asked for", { sockets: [TALKER, { ...OUTSIDE, name: aName("/run/log") }] }, [
    `${WHERE}: its peer "/run/log" is outside of the checkpoint: "--ext-unix-sk" connects it again`,
  ]],
  ["the outside that is not here", {
    sockets: [TALKER, { ...OUTSIDE, name: aName("@log") }],
    externalUnixSockets: true,
  }, [`${WHERE}: its peer "@log" is outside of the checkpoint, and not here`]],
  ["the outside that does not answer", {
    sockets: [TALKER, { ...OUTSIDE, name: aName("/run/log") }],
    externalUnixSockets: true,
  }, [`${WHERE}: its peer "/run/log" is outside of the checkpoint, and does not answer here`]],
  ["the outside somewhere", { sockets: [TALKER, { ...OUTSIDE, name: aName("log") }], externalUnixSockets: true }, [
    `${WHERE}: its peer "log" is outside of the checkpoint, and where its relative name starts from is not known`,
  ]],
  ["a peer without a name", {
    sockets: [
      aUnixSocket(1, { ...DATAGRAM, ...CONNECTED, peer: 2 }),
      aUnixSocket(2, { ...DATAGRAM, ...CONNECTED, peer: 3 }),
      aUnixSocket(3, { ...DATAGRAM, name: aName("@three") }),
    ],
  }, [`${WHERE}: its peer, unix socket 2, has no name by which to connect it again`]],
  [
    "a circle",
    {
      sockets: [[1, 2], [2, 3], [3, 1]].map(([inode = 0, peer = 0]) => (
        aUnixSocket(inode, { ...DATAGRAM, ...CONNECTED, peer, name: aName(`@${inode}`) })
      )),
    },
    [1, 2, 3].map((inode) => (
      `task 77, descriptor ${inode - 1}, unix socket ${inode} "@${inode}": it is connected in a circle`
    )),
  ],
  ["a queue that is too long", {
    sockets: [aUnixSocket(1, { ...DATAGRAM, name: aName("@one"), packets: Array(12).fill(aPacket("x")) })],
  }, [
    `${WHERE} "@one": 12 datagrams are in its queue, which takes 11 here: see the sysctl net.unix.max_dgram_qlen`,
  ]],
];

Deno.test("planUnixSocket() refuses what cannot be restored", async (t) => {
  for (const [name, socketsOf, expected] of REFUSALS) {
    await t.step(name, () => assertEquals(planUnix(socketsOf).problems, expected));
  }
});

Deno.test("planUnixSocket() gives up the name of a connection that somebody else has now, and tells", () => {
  const planned = planUnix({
    sockets: [
      aUnixSocket(1, { ...CONNECTED, peer: 2 }),
      aUnixSocket(2, { ...CONNECTED, peer: 1, name: aName("@web") }),
    ],
    host: { unix: { abstractNames: new Set(["1 @web"]), longestQueue: 11 } },
  });
  assertEquals(actionsOf(planned), ["pair 1 2 by 77"]);
  assertEquals(planned.planner.notes, ['unix socket 2 "@web" loses its name, which another socket has here']);
  const expected = [101, 102].map((id) => planned.planner.expected.get(planned.planner.get(`file ${id}`) ?? -1));
  assertEquals(expected.map((file) => file?.unix?.name), ["", ""]);
});
