import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import type { HostNetwork, HostSocket } from "../../../host/host.ts";
import type { InetSocket } from "../../../model/files/inet_socket.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import { aFilePlanner, anInetSocket, IDLE_NETWORK, IPPROTO, LOOPBACK } from "../../../../tests/support/sockets.ts";
import { NEW_SOCKET_OPTIONS } from "../../../../tests/support/unix_sockets.ts";
import type { PlanOptions } from "../../plan.ts";
import { type InetSocketPlan, planInetSocket } from "./plan_inet_socket.ts";

const HOLDER = "task 77, descriptor 5";
const REUSING = { ...NEW_SOCKET_OPTIONS, reusesAddress: true };
const SHARING = { ...NEW_SOCKET_OPTIONS, reusesPort: true };

interface Circumstances {
  readonly connections?: PlanOptions["connections"];
  readonly network?: Partial<HostNetwork>;
}

/** Plans the first of the sockets, with all others there. */
function plan(sockets: readonly InetSocket[], circumstances: Circumstances = {}) {
  const planner = aFilePlanner(sockets, circumstances);
  const [first] = sockets;
  const handle = first === undefined ? undefined : planInetSocket(planner, first, HOLDER);
  const made = planner.late.flatMap((step) => step.kind === "make-inet-sockets" ? step.sockets : []);
  return { planner, handle, made };
}

function onPort(id: number, port: number, changes: Partial<InetSocket> = {}): InetSocket {
  return anInetSocket({ id, local: { address: LOOPBACK, port }, ...changes });
}

const V6_LOOPBACK = new Uint8Array([...new Uint8Array(15), 1]);

const BINDINGS:
  readonly (readonly [string, InetSocket, Partial<NonNullable<InetSocketPlan["binding"]>> | undefined])[] = [
    ["a new socket is not bound", anInetSocket({ id: 1 }), undefined],
    ["TCP may meet connections that have ended", onPort(1, 80), { reusesAddress: true, reusesPort: false }],
    ["UDP keeps its address", onPort(1, 80, { type: "datagram", protocol: IPPROTO.UDP }), { reusesAddress: false }],
    ["an address may have no port yet", onPort(1, 0), { leavesPort: true }],
    ["raw sockets have no port", onPort(1, 0, { type: "raw" }), { leavesPort: false }],
    [
      "an address of IPv6 may be new",
      onPort(1, 80, { family: "ipv6", local: { address: V6_LOOPBACK, port: 80 } }),
      { bindsFreely: true },
    ],
    [
      "raw sockets of IPv6 cannot be bound freely",
      onPort(1, 0, { family: "ipv6", type: "raw", local: { address: V6_LOOPBACK, port: 0 } }),
      { bindsFreely: false },
    ],
  ];

Deno.test("planInetSocket() decides how a socket is bound", async (t) => {
  for (const [name, socket, expected] of BINDINGS) {
    await t.step(name, () => {
      const binding = plan([socket]).made[0]?.binding;
      if (expected === undefined || binding === undefined) assertEqual(binding, expected);
      else assertEquals({ ...binding, ...expected }, binding);
    });
  }
});

Deno.test("planInetSocket() plans all sockets of a port together", () => {
  const other = onPort(3, 81);
  const udp = { type: "datagram", protocol: IPPROTO.UDP } as const;
  const { made } = plan([onPort(1, 80, udp), onPort(2, 80), other, onPort(4, 80, udp)]);
  assertEquals(made.map(({ what }) => what), ["UDP socket 127.0.0.1:80", "UDP socket 127.0.0.1:80"]);
  assertEquals(made.map(({ binding }) => binding?.reusesAddress), [true, true]);
});

Deno.test("planInetSocket() makes sockets with the same port apart when they are in different net namespaces", () => {
  const planner = aFilePlanner([onPort(1, 80), onPort(2, 80, { network: 1 })]);
  for (const file of planner.contents.files.values()) if (file.kind === "inet") planInetSocket(planner, file, HOLDER);
  const steps = planner.late.flatMap((step) => step.kind === "make-inet-sockets" ? [step] : []);
  assertEquals(steps.map(({ network, sockets }) => [network, sockets.length]), [[undefined, 1], [1, 1]]);
});

Deno.test("planInetSocket() looks at what there is in the net namespace of a socket", () => {
  const local = { address: new Uint8Array([10, 0, 0, 1]), port: 80 };
  const ownNetworks = [{ address: local.address, prefix: 32 }];
  for (const [network, losses] of [[1, 0], [0, 1]] as const) {
    const socket = anInetSocket({ id: 1, local, network });
    const planner = aFilePlanner([socket], { nestedNetworks: [{ network: { ...IDLE_NETWORK, ownNetworks } }] });
    planInetSocket(planner, socket, HOLDER);
    assertEqual(planner.losses.length, losses);
  }
});

Deno.test("planInetSocket() binds freely to an address of no device, which is a loss where that is this host's", () => {
  for (const [network, losses] of [[0, [LOSS]], [1, []]] as const) {
    const socket = onPort(1, 80, { local: AWAY, network });
    const planner = aFilePlanner([socket], { nestedNetworks: [{}] });
    planInetSocket(planner, socket, HOLDER);
    const [step] = planner.late;
    assertEqual(step?.kind === "make-inet-sockets" && step.sockets[0]?.binding?.bindsFreely, true);
    assertEquals(planner.losses.map(({ what }) => what), losses);
  }
});

Deno.test("planInetSocket() lets sockets listen side by side, though one does not share its port any more", () => {
  const listening = { state: "listening", backlog: 5 } as const;
  const { made } = plan([onPort(1, 80, listening), onPort(2, 80, { ...listening, options: SHARING })]);
  assertEquals(made.map(({ binding }) => binding?.reusesPort), [true, true]);
  const { made: [alone] } = plan([onPort(1, 80, listening), onPort(2, 80, { options: SHARING })]);
  assertEqual(alone?.binding?.reusesPort, false);
});

Deno.test("planInetSocket() restores connections closed when that is wanted", () => {
  const remote = { address: LOOPBACK, port: 9 };
  const { made: [socket] } = plan([onPort(1, 80, { state: "established", remote })], { connections: "close" });
  assertEquals([socket?.binding, socket?.remote, socket?.shutdown], [undefined, undefined, 2]);
});

Deno.test("planInetSocket() notes that a backlog is cut", () => {
  const { planner } = plan([onPort(1, 80, { state: "listening", backlog: 5000 })]);
  assertEquals(planner.notes, [
    "TCP socket 127.0.0.1:80 keeps 4096 connections waiting at most, not 5000: see the sysctl net.core.somaxconn",
  ]);
});

function hostSocket(changes: Partial<HostSocket>): HostSocket {
  const local = { address: LOOPBACK, port: 80 };
  return {
    protocol: IPPROTO.TCP,
    local,
    remote: { address: new Uint8Array(4), port: 0 },
    state: 10,
    inode: 0,
    ...changes,
  };
}

const ANY = { address: new Uint8Array(4), port: 80 };
const ANY_V6 = { address: new Uint8Array(16), port: 80 };
const REMOTE = { address: LOOPBACK, port: 9 };
const UDP = { type: "datagram", protocol: IPPROTO.UDP } as const;
const TAKEN = "another socket on this host has its address and port";
const LACKS = "no network device of this host has its address";
const LOSS = `${LACKS}: it would hear nothing until one does`;
const AWAY = { address: new Uint8Array([192, 0, 2, 1]), port: 80 };
const RAW = { includesHeader: false, skipsDefragmentation: false, makesChecksums: true, icmpFilter: undefined };

interface Refusal {
  readonly name: string;
  readonly socket: Partial<InetSocket>;
  readonly there?: Partial<HostSocket>;
  readonly circumstances?: Circumstances;
  /** Absent: nothing is refused. */
  readonly what?: string;
}

const REFUSALS: readonly Refusal[] = [
  { name: "nothing, with nobody there", socket: {} },
  {
    name: "another network",
    socket: { network: ELSEWHERE },
    what: "it is in a net namespace that none of the tasks is in",
  },
  { name: "an unknown protocol", socket: { protocol: 262 }, what: "a socket of protocol 262 cannot be restored" },
  {
    name: "a place of checksums",
    socket: { type: "raw", ip: { ...anInetSocket({ id: 1 }).ip, raw: RAW } },
    what: "the checksums that it makes (IPV6_CHECKSUM) cannot be restored",
  },
  {
    name: "a connection without a word about it",
    socket: { remote: REMOTE, state: "established" },
    what: 'it is connected: "--tcp-established" restores the connection, "--tcp-close" restores it closed',
  },
  { name: "a port at which another listens", socket: {}, there: {}, what: TAKEN },
  { name: "a port at which another listens for all", socket: {}, there: { local: ANY }, what: TAKEN },
  { name: "not a port that may be shared", socket: { options: SHARING }, there: {} },
  { name: "not a port of a connection", socket: {}, there: { state: 1 } },
  { name: "not a port that may be of IPv6 only", socket: {}, there: { local: ANY_V6 } },
  { name: "not a port of another protocol", socket: {}, there: { protocol: IPPROTO.UDP } },
  { name: "a port of UDP", socket: UDP, there: { protocol: IPPROTO.UDP, state: 7 }, what: TAKEN },
  { name: "not a port of UDP that may be shared", socket: { ...UDP, options: REUSING }, there: { ...UDP, state: 7 } },
  {
    name: "a device",
    socket: { options: { ...NEW_SOCKET_OPTIONS, device: "lo1" } },
    what: 'this host has no network device "lo1"',
  },
  { name: "an address of no device to send from", socket: { ...UDP, local: AWAY, remote: REMOTE }, what: LACKS },
  { name: "an address of no device for packets", socket: { type: "raw", local: AWAY }, what: LACKS },
  {
    name: "not an address of no device, where that is allowed",
    socket: { local: AWAY },
    circumstances: { network: { bindsFreely: { ipv4: true, ipv6: false } } },
  },
  { name: "not a multicast address", socket: { ...UDP, local: { address: new Uint8Array([224, 0, 0, 1]), port: 80 } } },
  {
    name: "IPv6 where there is none",
    socket: { family: "ipv6", local: { address: new Uint8Array(16), port: 80 } },
    circumstances: { network: { lacks: new Set(["IPv6"]) } },
    what: "this kernel does not have IPv6",
  },
  {
    name: "UDP-Lite where there is none",
    socket: { ...UDP, protocol: 136 },
    circumstances: { network: { lacks: new Set(["UDP-Lite"]) } },
    what: "this kernel does not have UDP-Lite",
  },
  {
    name: "ICMP messages for groups that may not have them",
    socket: { type: "datagram", protocol: IPPROTO.ICMP },
    what: "no group of cgrestore is in the sysctl net.ipv4.ping_group_range",
  },
  {
    name: "not ICMP messages for others",
    socket: { type: "datagram", protocol: IPPROTO.ICMP },
    circumstances: { network: { pingGroups: [0, 0] } },
  },
];

Deno.test("planInetSocket() refuses", async (t) => {
  for (const { name, socket, there, circumstances, what } of REFUSALS) {
    await t.step(name, () => {
      const sockets = there === undefined ? [] : [hostSocket(there)];
      const network = { sockets, ...circumstances?.network };
      const { planner, handle } = plan([onPort(1, 80, socket)], { ...circumstances, network });
      assertEquals(planner.problems.map((problem) => problem.what), what === undefined ? [] : [what]);
      assertEqual(handle, what === undefined ? 0 : undefined);
    });
  }
});
