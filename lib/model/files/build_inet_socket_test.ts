import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { Problem } from "../../errors.ts";
import type { InetSkEntry, SkOptsEntry } from "../../gen/sockets.ts";
import { readSkOptsEntry } from "../../gen/sockets.ts";
import type { TcpStreamEntry } from "../../gen/tcp_stream.ts";
import type { ContentImages, WithBytes } from "../../image/content_images.ts";
import { MessageReader } from "../../wire/message_reader.ts";
import { buildInetSocket } from "./build_inet_socket.ts";

const OPTIONS: SkOptsEntry = readSkOptsEntry(
  new MessageReader(new Uint8Array([0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x28, 0, 0x30, 0])),
);

const ENTRY: InetSkEntry = {
  id: 5,
  ino: 0x1a,
  family: 2,
  type: 1,
  proto: 6,
  state: 7,
  srcPort: 0,
  dstPort: 0,
  flags: 2,
  backlog: 0,
  srcAddr: [0],
  dstAddr: [0],
  fown: { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 },
  opts: OPTIONS,
  v6only: undefined,
  ipOpts: undefined,
  ifname: undefined,
  nsId: undefined,
  shutdown: undefined,
  tcpOpts: undefined,
};

const STREAM: TcpStreamEntry = {
  inqLen: 2,
  inqSeq: 100,
  outqLen: 3,
  outqSeq: 200,
  optMask: 7,
  sndWscale: 7,
  mssClamp: 65495,
  rcvWscale: 8,
  timestamp: 12345,
  cork: undefined,
  nodelay: undefined,
  unsqLen: 1,
  sndWl1: 1,
  sndWnd: 2,
  maxWindow: 3,
  rcvWnd: 4,
  rcvWup: 5,
};

function build(changes: Partial<InetSkEntry>, stream?: WithBytes<TcpStreamEntry>) {
  const problems: Problem[] = [];
  const streams = new Map(stream === undefined ? [] : [[ENTRY.ino, stream]]);
  const images = { streams } as unknown as ContentImages;
  const socket = buildInetSocket(5, { ...ENTRY, ...changes }, {
    images,
    networks: [],
    problems,
    where: "files.img, entry 0",
  });
  return { socket, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("buildInetSocket() keeps addresses in the order of the network", () => {
  const { socket } = build({ srcAddr: [0x0100007f], srcPort: 80, dstAddr: [0x0200007f], dstPort: 9 });
  assertEquals(socket.local, { address: new Uint8Array([127, 0, 0, 1]), port: 80 });
  assertEquals(socket.remote, { address: new Uint8Array([127, 0, 0, 2]), port: 9 });
});

Deno.test("buildInetSocket() takes one word of an address of IPv4, and leaves away what is no port", () => {
  const { socket, problems } = build({ type: 3, proto: 1, srcAddr: [0x0100007f, 0, 0, 0], srcPort: 1 });
  assertEquals(socket.local, { address: new Uint8Array([127, 0, 0, 1]), port: 0 });
  assertEquals([socket.remote, problems], [undefined, []]);
});

Deno.test("buildInetSocket() knows what has been shut down, and what is of IPv6 only", () => {
  assertEqual(build({ shutdown: 0 }).socket.shutdown, undefined);
  assertEqual(build({ shutdown: 1 }).socket.shutdown, 0);
  assertEqual(build({ shutdown: 3 }).socket.shutdown, 2);
  const zeros = [0, 0, 0, 0];
  assertEqual(build({}).socket.isV6Only, undefined);
  assertEqual(build({ family: 10, srcAddr: zeros, dstAddr: zeros }).socket.isV6Only, false);
  assertEqual(build({ family: 10, srcAddr: zeros, dstAddr: zeros, v6only: true }).socket.isV6Only, true);
});

Deno.test("buildInetSocket() reads filters of ICMP as the kernel takes them", () => {
  const raw = { hdrincl: true, nodefrag: undefined, checksum: undefined, icmpvFilter: [0x04030201] };
  const ipOpts = { freebind: undefined, raw, pktinfo: undefined, tos: 16, ttl: undefined };
  const { ip } = build({ type: 3, ipOpts }).socket;
  assertEquals(ip.raw?.icmpFilter, new Uint8Array([1, 2, 3, 4]));
  assertEquals([ip.raw?.includesHeader, ip.typeOfService, ip.timeToLive], [true, 16, undefined]);
});

Deno.test("buildInetSocket() knows the device of an address that is of one link", () => {
  assertEqual(build({ ifname: "lo" }).socket.options.device, "lo");
  assertEqual(build({ ifname: "lo", opts: { ...OPTIONS, soBoundDev: "eth0" } }).socket.options.device, "eth0");
});

const CONNECTED = { state: 1, srcAddr: [0x0100007f], srcPort: 80, dstAddr: [0x0200007f], dstPort: 9 };

Deno.test("buildInetSocket() finds the connection, with its queues", () => {
  const { socket, problems } = build(CONNECTED, { entry: STREAM, bytes: new Uint8Array([1, 2, 3, 4, 5]) });
  assertEquals(problems, []);
  assertEquals(socket.connection, {
    received: new Uint8Array([1, 2]),
    receiveSequence: 100,
    written: new Uint8Array([3, 4, 5]),
    unsent: 1,
    writeSequence: 200,
    maximumSegment: 65495,
    selectiveAcknowledgements: true,
    windowScales: { send: 7, receive: 8 },
    timestamp: 12345,
    window: { lastUpdate: 1, send: 2, largest: 3, receive: 4, receivedAtUpdate: 5 },
  });
});

Deno.test("buildInetSocket() reads what both sides had not agreed upon, and old dumps", () => {
  const stream = { ...STREAM, optMask: 0, nodelay: true, sndWnd: undefined };
  const { socket: { connection, tcp } } = build(CONNECTED, { entry: stream, bytes: new Uint8Array(5) });
  assertEquals(
    [connection?.selectiveAcknowledgements, connection?.windowScales, connection?.timestamp, connection?.window],
    [false, undefined, undefined, undefined],
  );
  assertEqual(tcp.hasNoDelay, true);
});

const PROBLEMS: readonly (readonly [string, Partial<InetSkEntry>, Partial<TcpStreamEntry>, string])[] = [
  ["a family", { family: 1 }, {}, "files.img, entry 0: the address family 1 is none of IPv4 and IPv6"],
  ["a type", { type: 5 }, {}, "files.img, entry 0: the socket type 5 is unknown"],
  ["a state", { state: 3 }, {}, "files.img, entry 0: the state 3 is unknown, or none that is dumped"],
  ["a listener", { state: 10, proto: 17 }, {}, "files.img, entry 0: a socket of protocol 17 cannot listen"],
  ["an address", { srcAddr: [] }, {}, "files.img, entry 0: an address has 0 bytes, 4 are needed"],
  ["a shutdown", { shutdown: 4 }, {}, "files.img, entry 0: the shutdown 4 is unknown"],
  [
    "an old stream",
    CONNECTED,
    { unsqLen: undefined },
    "tcp-stream-1a.img: it does not say how much had not been sent: the dump is too old",
  ],
  ["a queue", CONNECTED, { unsqLen: 9 }, "tcp-stream-1a.img: 9 bytes of 3 had not been sent"],
  ["a scale", CONNECTED, { rcvWscale: undefined }, "tcp-stream-1a.img: the scale of the receive window is missing"],
  ["a timestamp", CONNECTED, { timestamp: undefined }, "tcp-stream-1a.img: the timestamp is missing"],
];

Deno.test("buildInetSocket() tells what is wrong with", async (t) => {
  for (const [name, changes, stream, problem] of PROBLEMS) {
    await t.step(name, () => {
      const { problems } = build(changes, { entry: { ...STREAM, ...stream }, bytes: new Uint8Array(5) });
      assertEquals(problems, [problem]);
    });
  }
});
