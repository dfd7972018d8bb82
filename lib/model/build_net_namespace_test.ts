import assert from "node:assert/strict";
import {
  aNet,
  aNetDeviceEntry,
  aNetnsEntry,
  aRoute,
  aRule,
  DEFAULT_RULES_TOLD,
  LOCAL_ADDRESS,
  LOOPBACK_DEVICE,
  saved,
} from "../../tests/support/net_contents.ts";
import type { Problem } from "../errors.ts";
import type { ForeignNetImage, NetImages } from "../image/content_images.ts";
import { buildNetNamespace } from "./build_net_namespace.ts";
import type { NetContents } from "./namespaces.ts";
import type { RouteMessage } from "./route_message.ts";

const IFADDR = 0x47361222;
const ROUTE = 0x45311224;
const RULE = 0x71706986;
const CTL_STR = 5;
const CTL_32 = 6;

interface Given extends Pick<Partial<NetImages>, "netns" | "devices"> {
  readonly foreign?: Partial<Record<ForeignNetImage, Uint8Array>>;
}

function build({ netns = aNetnsEntry({}), devices = [aNetDeviceEntry()], foreign = {} }: Given) {
  const problems: Problem[] = [];
  const images = {
    number: 9,
    netns,
    devices,
    foreign: new Map(Object.entries(foreign) as [ForeignNetImage, Uint8Array][]),
  };
  const net = buildNetNamespace(images, { lock: { kind: "nftables", tables: ["CRIU-7"] }, siblings: [9, 7], problems });
  return { net, problems: problems.map(({ where, what }) => `${where}: ${what}`) };
}

Deno.test("buildNetNamespace() tells who sets it up", () => {
  const nothing = { number: 9, devices: [], foreign: new Map() };
  assert.deepEqual(buildNetNamespace(nothing, { lock: undefined, siblings: [9], problems: [] }), { kind: "empty" });
  const { net } = build({ netns: aNetnsEntry({ extKey: "outer" }), devices: [] });
  assert.deepEqual(net, { kind: "external", key: "outer" });
});

Deno.test("buildNetNamespace() builds what it has", () => {
  const route = aRoute([10, 0, 0, 0], 8);
  const six = aRoute(new Array(16).fill(0), 0);
  const { net, problems } = build({
    netns: aNetnsEntry({ nsids: [{ targetNsId: 7, netnsidValue: 0 }] }),
    foreign: {
      ifaddr: saved(IFADDR, [LOCAL_ADDRESS]),
      route: saved(ROUTE, [route]),
      route6: saved(ROUTE, [six]),
      nftables: new TextEncoder().encode(
        "table inet a {\n}\ntable inet CRIU-7 {\n\tchain b {\n\t\tdrop\n\t}\n\tflags x\n}\n",
      ),
      ip6tables: new TextEncoder().encode("-A INPUT -j DROP\n"),
      "netns-ct": Uint8Array.of(20, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0),
    },
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    net,
    aNet({
      devices: [LOOPBACK_DEVICE],
      addresses: [LOCAL_ADDRESS],
      routes: [route, six],
      filters: [{ tool: "ip6tables-legacy", text: "-A INPUT -j DROP\n", rules: ["-A INPUT -j DROP"] }],
      tracked: [Uint8Array.of(2, 0, 0, 0)],
      expectsConnections: false,
      ids: new Map([[1, 0]]),
    }),
  );
});

Deno.test("buildNetNamespace() has rules for routes that are others than those of a new namespace", async (t) => {
  const rows: readonly (readonly [string, readonly RouteMessage[] | undefined, NetContents["rules"]])[] = [
    ["nothing is told", undefined, undefined],
    ["the same", DEFAULT_RULES_TOLD, undefined],
    ["none", [], []],
    ["others", [aRule({})], [aRule({})]],
  ];
  for (const [name, rules, want] of rows) {
    await t.step(name, () => {
      const { net, problems } = build({ foreign: rules === undefined ? {} : { rule: saved(RULE, rules) } });
      assert.deepEqual(problems, []);
      assert.deepEqual(net.kind === "own" && net.rules, want);
    });
  }
});

Deno.test("buildNetNamespace() tells connections that were expected from those that are tracked", async (t) => {
  const message = (type: number) => Uint8Array.of(20, 0, 0, 0, 0, type, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0);
  const rows: readonly (readonly [string, Partial<Record<ForeignNetImage, Uint8Array>>, boolean])[] = [
    ["no image", {}, false],
    ["those that are tracked", { "netns-exp": message(1) }, false],
    ["expected", { "netns-exp": message(2) }, true],
  ];
  for (const [name, foreign, want] of rows) {
    await t.step(name, () => {
      const { net, problems } = build({ foreign });
      assert.deepEqual(problems, []);
      assert.equal(net.kind === "own" && net.expectsConnections, want);
    });
  }
});

Deno.test("buildNetNamespace() names settings, and leaves out those that the kernel did not have", () => {
  const number = (iarg?: number) => ({ type: CTL_32, ...iarg === undefined ? {} : { iarg } });
  const { net } = build({
    netns: aNetnsEntry({
      allConf4: [number(1), number(0), number()],
      defConf6: [number(-1)],
      unixConf: [number(10)],
      ipv4Sysctl: [{ type: CTL_STR, iarg: 0, sarg: "0\t5\n" }],
    }),
    devices: [aNetDeviceEntry({ conf4: [number(7)] })],
  });
  assert.deepEqual(net.kind === "own" && [...net.sysctls], [
    ["net/ipv4/conf/all/accept_local", "1"],
    ["net/ipv4/conf/all/accept_redirects", "0"],
    ["net/ipv6/conf/default/accept_dad", "-1"],
    ["net/ipv4/conf/lo/accept_local", "7"],
    ["net/unix/max_dgram_qlen", "10"],
    ["net/ipv4/ping_group_range", "0 5"],
  ]);
});

Deno.test("buildNetNamespace() tells of a device where its other end is", () => {
  const address = Uint8Array.of(2, 0, 0, 0, 0, 2);
  const veth = { type: 2, mtu: 1500, flags: 1, address };
  const tun = { flags: 0x1001, owner: -1, group: 5, vnethdr: 10, sndbuf: 99 };
  const tunnel = { type: 8, mtu: 1480, flags: 1, sit: { pmtudisc: true } };
  const { net, problems } = build({
    devices: [
      aNetDeviceEntry({ ...veth, ifindex: 2, name: "a", peerIfindex: 3, peerNsid: 9, master: 5 }),
      aNetDeviceEntry({ ...veth, ifindex: 3, name: "b", peerIfindex: 2, peerNsid: 9 }),
      aNetDeviceEntry({ ...veth, ifindex: 4, name: "c", peerIfindex: 2 }),
      aNetDeviceEntry({ ...veth, ifindex: 9, name: "h", peerIfindex: 2, peerNsid: 7 }),
      aNetDeviceEntry({ ...veth, type: 7, ifindex: 6, name: "e", peerIfindex: 5, peerNsid: 9, macvlan: { mode: 4 } }),
      aNetDeviceEntry({ type: 6, mtu: 1500, flags: 1, ifindex: 5, name: "d", peerIfindex: 5, peerNsid: 9 }),
      aNetDeviceEntry({ type: 3, mtu: 1500, flags: 1, ifindex: 7, name: "f", tun }),
      aNetDeviceEntry({ ...tunnel, ifindex: 8, name: "g" }),
      aNetDeviceEntry({ ...tunnel, ifindex: 10, name: "i", peerIfindex: 2, peerNsid: 9 }),
      aNetDeviceEntry({ ...tunnel, ifindex: 11, name: "j", peerIfindex: 11 }),
    ],
  });
  assert.deepEqual(problems, []);
  const same = { kind: "veth", mtu: 1500, flags: 1, address } as const;
  const sit = { kind: "sit", mtu: 1480, flags: 1, sit: new Map([[10, Uint8Array.of(1)]]) } as const;
  assert.deepEqual(net.kind === "own" && net.devices, [
    { ...same, index: 2, name: "a", peer: 3, master: 5 },
    { ...same, index: 3, name: "b", peer: 2 },
    { ...same, index: 4, name: "c" },
    { ...same, index: 9, name: "h", peer: 2, peerNet: 1 },
    { ...same, kind: "macvlan", index: 6, name: "e", peer: 5, macvlan: { mode: 4, flags: 0 } },
    { kind: "bridge", mtu: 1500, flags: 1, index: 5, name: "d" },
    {
      ...{ kind: "tun", mtu: 1500, flags: 1, index: 7, name: "f" },
      tun: { flags: 0x1001, owner: -1, group: 5, headerSize: 10, sendBuffer: 99 },
    },
    { ...sit, index: 8, name: "g" },
    { ...sit, index: 10, name: "i" },
    { ...sit, index: 11, name: "j", isMoved: true },
  ]);
});

Deno.test("buildNetNamespace() has a setting last that follows from another", () => {
  const { net } = build({ netns: aNetnsEntry({ allConf4: new Array(13).fill({ type: CTL_32, iarg: 1 }) }) });
  assert.deepEqual(net.kind === "own" && [...net.sysctls.keys()].slice(-2), [
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/accept_redirects",
  ]);
});

Deno.test("buildNetNamespace() finds what cannot be", async (t) => {
  const rows: { name: string; given: Given; want: string }[] = [
    {
      name: "settings of old dumps",
      given: { netns: aNetnsEntry({ allConf: [1] }) },
      want: "netns-9.img: its settings are in a form that only old versions of CRIU have",
    },
    {
      name: "settings without a name",
      given: { netns: aNetnsEntry({ unixConf: new Array(2).fill({ type: CTL_32, iarg: 1 }) }) },
      want: "netns-9.img: it has 2 settings of net/unix, of which 1 are known",
    },
    {
      name: "a device with a name that leads elsewhere",
      given: { devices: [aNetDeviceEntry({ name: "../x" })] },
      want: 'netdev-9.img: no device can have the name "../x"',
    },
    {
      name: "a tunnel with an address that is none",
      given: { devices: [aNetDeviceEntry({ type: 8, name: "a", ifindex: 2, sit: { remote: [1, 2] } })] },
      want: 'netdev-9.img: the sit device "a" has an address that is none',
    },
    {
      name: "an id for a namespace that is not there",
      given: { netns: aNetnsEntry({ nsids: [{ targetNsId: 8, netnsidValue: 3 }] }) },
      want: "netns-9.img: its id 3 is one for namespace 8, which no task is in",
    },
    {
      name: "an id that is none",
      given: { netns: aNetnsEntry({ nsids: [{ targetNsId: 7, netnsidValue: -1 }] }) },
      want: "netns-9.img: its id -1 for namespace 7 cannot be one",
    },
    {
      name: "two ids for a namespace",
      given: { netns: aNetnsEntry({ nsids: [0, 1].map((netnsidValue) => ({ targetNsId: 7, netnsidValue })) }) },
      want: "netns-9.img: its id 1 for namespace 7 cannot be one",
    },
    {
      name: "an id for two namespaces",
      given: { netns: aNetnsEntry({ nsids: [7, 9].map((targetNsId) => ({ targetNsId, netnsidValue: 0 })) }) },
      want: "netns-9.img: its id 0 for namespace 9 cannot be one",
    },
    {
      name: "something else",
      given: { foreign: { ifaddr: saved(ROUTE, []) } },
      want: "ifaddr-9.img: it is not what ip(8) saves",
    },
    {
      name: "messages of another kind",
      given: { foreign: { route6: saved(ROUTE, [LOCAL_ADDRESS]) } },
      want: "route6-9.img: it has a message of type 20, not 24",
    },
    {
      name: "half a message",
      given: { foreign: { route: saved(ROUTE, [aRoute([10, 0, 0, 0], 8)]).subarray(0, 30) } },
      want: "route-9.img: it is damaged: Cannot read a message at offset 0: it has no end",
    },
    {
      name: "half a way of a route",
      given: { foreign: { route: saved(ROUTE, [aRoute([10, 0, 0, 0], 8, { 9: [8, 0] })]) } },
      want: "route-9.img: it is damaged: Cannot read the ways of a route: the one at offset 0 has no end",
    },
    {
      name: "a connection that is damaged",
      given: { foreign: { "netns-ct": Uint8Array.of(18, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0) } },
      want: "netns-ct-9.img: it is damaged: Cannot read a connection: it is too short",
    },
    {
      name: "half a connection that is expected",
      given: { foreign: { "netns-exp": Uint8Array.of(18, 0, 0, 0, 0, 1, 2, 0) } },
      want: "netns-exp-9.img: it is damaged: Cannot read a message at offset 0: it has no end",
    },
    {
      name: "what is no connection",
      given: { foreign: { "netns-ct": Uint8Array.of(16, 0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
      want: "netns-ct-9.img: it has a message of type 258, not 256",
    },
  ];
  for (const { name, given, want } of rows) await t.step(name, () => assert.deepEqual(build(given).problems, [want]));
});

Deno.test("buildNetNamespace() finds devices that are the same", () => {
  const devices = [aNetDeviceEntry(), aNetDeviceEntry({ ifindex: 2 }), aNetDeviceEntry({ name: "a", ifindex: 3 })];
  assert.deepEqual(build({ devices }).problems, [
    'netdev-9.img: another device has the name or the number of the loopback device "lo"',
    'netdev-9.img: another device has the name or the number of the loopback device "lo"',
  ]);
});
