import assert from "node:assert/strict";
import {
  anAddress,
  aNet,
  aRoute,
  aRule,
  LOCAL_ADDRESS,
  LOCAL_ADDRESS_6,
  LOOPBACK_DEVICE,
  VETH_DEVICE,
} from "../../../../tests/support/net_contents.ts";
import { buildHost } from "../../../../tests/support/plan_inputs.ts";
import { IDLE_NETWORK } from "../../../../tests/support/sockets.ts";
import type { HostDescriptor } from "../../../host/host.ts";
import type { NetContents, NetNamespace } from "../../../model/namespaces.ts";
import { describeRule } from "../../../model/route_rule.ts";
import { planNet } from "./plan_net.ts";

const NETWORK = { ...IDLE_NETWORK, devices: new Map([[1, "lo"], [4, "br0"]]) };
const FILE = { mode: 0o644, size: 0, device: 1 };

interface Setting {
  /** Settings that this kernel has. */
  readonly files?: readonly string[];
  /** Descriptor 30: what its link says. */
  readonly link?: string;
  readonly keys?: Readonly<Record<string, number>>;
  readonly mayLackSettings?: boolean;
  /** The macvlan device "mv0" has this parent. */
  readonly parent?: string;
}

function plan(net: NetNamespace, { files = [], link, keys = {}, mayLackSettings = false, parent }: Setting = {}) {
  const problems: { where: string; what: string }[] = [];
  const notes: string[] = [];
  const inherited = new Map(link === undefined ? [] : [[30, { name: link } as HostDescriptor]]);
  const planned = planNet(net, {
    checkpoint: { namespaces: new Set(["net"]), strangers: new Map() },
    contents: { net },
    host: buildHost({ files: new Map(files.map((path) => [path, FILE])), inherited, network: NETWORK }),
    ...{ outerEnds: [], joins: [], mayLackSettings },
    parents: parent === undefined ? [] : [{ inner: "mv0", parent }],
    rootIsSibling: false,
    held: { tasks: new Map(), threads: new Map(), files: new Map(), segments: new Map() },
    ...{ newPidNamespace: true, programs: [], handle: () => 0, sharesDescriptors: false, outerState: [] },
    inherited: (key) => keys[key],
    scratch: 0,
    ...{ problems, losses: [], notes },
  });
  return { planned, problems: problems.map(({ where, what }) => `${where}: ${what}`), notes };
}

/** What is asked for, with what may fail. */
function requestsOf(net: NetNamespace): string[] {
  const { planned, problems } = plan(net);
  assert.deepEqual(problems, []);
  if (planned?.kind !== "fill") return [];
  return planned.requests.map(({ attempt, tolerated }) => [attempt, ...tolerated].join(" "));
}

const SIX = anAddress([0xfd, ...new Array(14).fill(0), 7], 60);

const CHOICE = 'Cannot choose how the sit device "sit7" gets its addresses of IPv6 EAFNOSUPPORT';
const FAILS_WITHOUT_IPV6 = "EADDRNOTAVAIL ENODEV EOPNOTSUPP";

Deno.test("planNet() asks for addresses and routes", async (t) => {
  const down = { ...LOOPBACK_DEVICE, flags: 8 };
  const other = anAddress([10, 0, 0, 1], 24);
  const gateway = aRoute([10, 2, 0, 0], 16, { 5: [10, 1, 0, 1] });
  const tunnel = {
    ...{ kind: "sit", name: "sit7", index: 7, mtu: 1480, flags: 0x1_0081 } as const,
    sit: new Map([[2, Uint8Array.of(10, 0, 0, 1)]]),
  };
  const rows: { name: string; net: NetNamespace; want: string[] }[] = [
    { name: "nothing for a device that is down", net: aNet({ devices: [down], addresses: [] }), want: [] },
    {
      name: "addresses that are there already",
      net: aNet(),
      want: [
        "Cannot add the address 127.0.0.1/8 EEXIST",
        "Cannot add the address ::1/128 EEXIST",
        "Cannot remove the route ::1/128 ESRCH",
      ],
    },
    {
      name: "a tunnel that the whole internet of IPv4 is behind",
      net: aNet({ devices: [down, tunnel], addresses: [] }),
      want: [`Cannot remove the address ::a00:1/96 ${FAILS_WITHOUT_IPV6}`, CHOICE],
    },
    {
      name: "the same with the address that the kernel makes",
      net: aNet({ devices: [down, tunnel], addresses: [anAddress([...new Array(12).fill(0), 10, 0, 0, 1], 96, 7)] }),
      want: [
        "Cannot add the address ::a00:1/96 EEXIST",
        "Cannot add the address ::a00:1/96",
        CHOICE,
        "Cannot remove the route ::/96 ESRCH",
      ],
    },
    {
      name: "addresses that should not be there",
      net: aNet({ addresses: [other] }),
      want: [
        `Cannot remove the address 127.0.0.1/8 ${FAILS_WITHOUT_IPV6}`,
        `Cannot remove the address ::1/128 ${FAILS_WITHOUT_IPV6}`,
        "Cannot add the address 10.0.0.1/24",
      ],
    },
    {
      name: "addresses with and without routes that the kernel makes",
      net: aNet({
        devices: [down],
        addresses: [SIX, { ...SIX, attributes: new Map([...SIX.attributes, [8, Uint8Array.of(0, 2, 0, 0)]]) }],
      }),
      want: [
        "Cannot add the address fd00::7/60",
        "Cannot add the address fd00::7/60",
        "Cannot remove the route fd00::/60 ESRCH",
      ],
    },
    {
      name: "routes, those through gateways last, and those of the kernel if they are missing",
      net: aNet({
        devices: [down],
        addresses: [],
        routes: [
          gateway,
          aRoute([10, 1, 0, 0], 16),
          { ...aRoute([10, 3, 0, 0], 16), header: Uint8Array.of(2, 16, 0, 0, 254, 2, 253, 6, 0, 0, 0, 0) },
        ],
      }),
      want: [
        "Cannot add the route 10.1.0.0/16",
        "Cannot add the route blackhole 10.3.0.0/16 EEXIST",
        "Cannot add the route 10.2.0.0/16",
      ],
    },
  ];
  for (const { name, net, want } of rows) await t.step(name, () => assert.deepEqual(requestsOf(net), want));
});

Deno.test("planNet() adds the newest address of IPv6 last", () => {
  const addresses = [
    anAddress([0xfd, ...new Array(14).fill(0), 2], 64),
    anAddress([10, 0, 0, 2], 24),
    anAddress([0xfd, ...new Array(14).fill(0), 1], 64),
    anAddress([10, 0, 0, 1], 24),
  ];
  const asked = requestsOf(aNet({ devices: [{ ...LOOPBACK_DEVICE, flags: 8 }], addresses }));
  assert.deepEqual(asked.filter((line) => line.includes("add the address")), [
    "Cannot add the address 10.0.0.2/24",
    "Cannot add the address 10.0.0.1/24",
    "Cannot add the address fd00::1/64",
    "Cannot add the address fd00::2/64",
  ]);
});

Deno.test("planNet() has rules for routes for later, in their order", () => {
  const rules = [
    aRule({ attributes: { 6: [2, 0, 0, 0] } }),
    aRule({ attributes: { 6: [2, 0, 0, 0], 15: [7, 0, 0, 0] } }),
  ];
  const { planned, notes } = plan(aNet({ rules }));
  assert.ok(planned?.kind === "fill");
  assert.deepEqual(planned.ruleRequests.map(({ attempt }) => attempt), [
    "Cannot remove the rule for routes 0 table 255",
    "Cannot remove the rule for routes 32766 table 254",
    "Cannot remove the rule for routes 32767 table 253",
    "Cannot add the rule for routes 2 table 254",
    "Cannot add the rule for routes 2 table 7",
  ]);
  assert.deepEqual(planned.rules, rules.map(describeRule));
  assert.deepEqual(notes, ["Rules for routes lead to table 7, of which images have no routes"]);
});

Deno.test("planNet() gives the kernel back only what it takes", () => {
  const { planned } = plan(aNet({ routes: [aRoute([10, 0, 0, 0], 8, { 12: new Array(32).fill(0) })] }));
  if (planned?.kind !== "fill") throw new Error("It is not filled");
  assert.equal(planned.requests.at(-1)?.body.toHex(), "02080000fe03fd01" + "00000000" + "08000100" + "0a000000");
  assert.deepEqual(planned.routes, ["10.0.0.0/8 0000fe03fd0100000000 1:0a000000"]);
  assert.deepEqual(planned.devices, [LOOPBACK_DEVICE]);
});

Deno.test("planNet() gives a route as many seconds as are left", async (t) => {
  const rows: readonly (readonly [name: string, ticks: number, want: string])[] = [
    ["seconds", 0x2ff, "08001700" + "07000000"],
    ["less than one", 1, "08001700" + "01000000"],
    ["it was about to go", -5, "08001700" + "01000000"],
    ["for ever", 0, "08000100" + "0a000000"],
  ];
  for (const [name, ticks, want] of rows) {
    await t.step(name, () => {
      const left = [...new Uint8Array(Int32Array.of(0, 0, ticks).buffer)];
      const { planned } = plan(aNet({ routes: [aRoute([10, 0, 0, 0], 8, { 12: left })] }));
      assert.ok(planned?.kind === "fill" && planned.requests.at(-1)?.body.toHex().endsWith(want));
      assert.equal(planned.routes[0]?.endsWith("for a while"), ticks !== 0);
    });
  }
});

Deno.test("planNet() refuses what cannot be restored", async (t) => {
  const rows: { name: string; net: NetNamespace; want: string[] }[] = [
    {
      name: "what needs devices that are not there",
      net: aNet({
        addresses: [LOCAL_ADDRESS, LOCAL_ADDRESS_6, anAddress([10, 0, 0, 1], 24, 3)],
        routes: [aRoute([10, 0, 0, 0], 8, { 4: [2, 0, 0, 0] })],
      }),
      want: [
        "the address 10.0.0.1/24 cannot be restored: it is one of device 3, which is not there",
        "the route 10.0.0.0/8 cannot be restored: it goes through device 2, which is not there",
      ],
    },
    {
      name: "a device that needs to be named outside",
      net: aNet({ devices: [LOOPBACK_DEVICE, VETH_DEVICE] }),
      want: [
        'the veth device "eth0" has its other end outside, which needs a name: ' +
        '--external "veth[eth0]:NAME", or "veth[eth0]:NAME@BRIDGE" to make it a part of a bridge',
      ],
    },
    {
      name: "attributes",
      net: aNet({
        addresses: [
          { ...LOCAL_ADDRESS, attributes: new Map([...LOCAL_ADDRESS.attributes, [10, Uint8Array.of(1)]]) },
          LOCAL_ADDRESS_6,
        ],
        routes: [aRoute([10, 0, 0, 0], 8, { 30: [1, 0, 0, 0] })],
      }),
      want: [
        "the address 127.0.0.1/8 cannot be restored: it has attributes 10",
        "the route 10.0.0.0/8 cannot be restored: it has attributes 30",
      ],
    },
    {
      name: "rules",
      net: aNet({ rules: [aRule({ header: [10, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0] })] }),
      want: ["the rule for routes 0 table 254 cannot be restored: it is of family 10"],
    },
    {
      name: "an id for itself",
      net: aNet({ ids: new Map([[0, 3]]) }),
      want: ["its id 3 for itself cannot be restored"],
    },
    {
      name: "settings",
      net: aNet({ sysctls: new Map([["net/ipv6/conf/lo/a", "1"], ["net/ipv6/conf/all/a", "1"], ["net/unix/b", "2"]]) }),
      want: [
        'this kernel does not have the settings "/proc/sys/net/ipv6/conf/default/a", "/proc/sys/net/unix/b"; ' +
        "--weak-sysctls goes on without them",
      ],
    },
    {
      name: "an external one that is not provided",
      net: { kind: "external", key: "outer" },
      want: ['the external namespace "outer" is needed: --inherit-fd "fd[N]:outer"'],
    },
  ];
  for (const { name, net, want } of rows) {
    await t.step(name, () => assert.deepEqual(plan(net).problems, want.map((what) => `net namespace: ${what}`)));
  }
});

Deno.test("planNet() tells what is not restored, and does not matter", () => {
  const bridge = { kind: "bridge", name: "br0", index: 3, mtu: 1500, flags: 1 } as const;
  const path = "net/ipv6/conf/br0/mtu";
  const { planned, problems, notes } = plan(
    aNet({
      ...{ devices: [LOOPBACK_DEVICE, bridge], expectsConnections: true, sysctls: new Map([[path, "1400"]]) },
      addresses: [{ ...SIX, header: Uint8Array.of(10, 64, 1, 0, 1, 0, 0, 0) }],
    }),
    { files: ["/proc/sys/net/ipv6/conf/default/mtu"] },
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(notes, [
    "The kernel forgets which connections of the net namespace it expected",
    'The settings of the bridge device "br0" are those of a new one: images have none of it',
    "The address fd00::7/64 is none of the temporary ones any more: packets come from others that are made",
    'The packets of IPv6 of the bridge device "br0" have up to 1500 bytes, not 1400',
  ]);
  assert.deepEqual(planned?.kind === "fill" && planned.sysctls, []);
});

Deno.test("planNet() leaves settings out that this kernel lacks, when it may", () => {
  const sysctls = new Map([["net/ipv4/conf/lo/a", "1"], ["net/ipv4/conf/lo/b", "2"]]);
  const { planned, problems, notes } = plan(aNet({ sysctls }), {
    ...{ files: ["/proc/sys/net/ipv4/conf/default/b"], mayLackSettings: true },
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(notes, [
    'Of the net namespace, this kernel does not have the settings "/proc/sys/net/ipv4/conf/default/a": they are lost',
  ]);
  assert.deepEqual(planned?.kind === "fill" && planned.sysctls, [{ path: "net/ipv4/conf/lo/b", value: "2" }]);
});

Deno.test("planNet() gives other devices their addresses and routes", async (t) => {
  const devices = [LOOPBACK_DEVICE, { ...VETH_DEVICE, peer: 3 }, { ...VETH_DEVICE, name: "b", index: 3, peer: 2 }];
  const own = [LOCAL_ADDRESS, LOCAL_ADDRESS_6];
  const four = anAddress([10, 0, 0, 1], 24, 2);
  const six = anAddress([0xfd, ...new Array(14).fill(0), 7], 64, 2);
  const kernelRoute = (device: number) => ({
    ...aRoute([10, 0, 0, 0], 24, { 4: [device, 0, 0, 0] }),
    header: Uint8Array.of(2, 24, 0, 0, 254, 2, 253, 1, 0, 0, 0, 0),
  });
  const rows: { name: string; net: Partial<NetContents>; want: string[] }[] = [
    {
      name: "without a route that the kernel makes",
      net: { addresses: [four], routes: [kernelRoute(3)] },
      want: [
        "Cannot add the address 10.0.0.1/24",
        "Cannot remove the route 10.0.0.0/24 ESRCH",
        "Cannot add the route 10.0.0.0/24 EEXIST",
      ],
    },
    {
      name: "with it",
      net: { addresses: [four], routes: [kernelRoute(2)] },
      want: ["Cannot add the address 10.0.0.1/24", "Cannot add the route 10.0.0.0/24 EEXIST"],
    },
    {
      name: "an address of IPv6, which can be used at once",
      net: { addresses: [{ ...six, attributes: new Map([...six.attributes, [8, Uint8Array.of(0x80, 2, 0, 0)]]) }] },
      want: ["Cannot add the address fd00::7/64", "Cannot add the address fd00::7/64"],
    },
    {
      name: "one that is still asked for",
      net: { addresses: [{ ...six, attributes: new Map([...six.attributes, [8, Uint8Array.of(0xc0, 2, 0, 0)]]) }] },
      want: ["Cannot add the address fd00::7/64"],
    },
  ];
  for (const { name, net, want } of rows) {
    await t.step(name, () => {
      const asked = requestsOf(aNet({ devices, ...net, addresses: [...own, ...net.addresses ?? []] }));
      const isNew = (line: string) => !/::1\/|127|how the/.test(line);
      assert.deepEqual(asked.filter(isNew), want);
    });
  }
});

Deno.test("planNet() has the tasks join what the user provides", async (t) => {
  const net = { kind: "external", key: "outer" } as const;
  const keys = { outer: 30 };
  await t.step("a net namespace", () => {
    const { planned, problems } = plan(net, { keys, link: "net:[4]" });
    assert.deepEqual(problems, []);
    assert.deepEqual(planned, { kind: "join", fd: 30, key: "outer", link: "net:[4]" });
  });
  await t.step("nothing else", () => {
    assert.deepEqual(plan(net, { keys, link: "pipe:[4]" }).problems, [
      'net namespace: descriptor 30 for "outer" is "pipe:[4]", and no net namespace',
    ]);
  });
  await t.step("a descriptor that is not open has been told", () => {
    assert.deepEqual(plan(net, { keys }), { planned: undefined, problems: [], notes: [] });
  });
});

Deno.test("planNet() has macvlan devices made from where their parents are", () => {
  const device = { ...VETH_DEVICE, kind: "macvlan", name: "mv0", macvlan: { mode: 4, flags: 0 } } as const;
  const { planned, problems } = plan(aNet({ devices: [LOOPBACK_DEVICE, device] }), { parent: "br0" });
  assert.deepEqual(problems, []);
  assert.ok(planned?.kind === "fill");
  assert.deepEqual(planned.children, [{ device, parent: 4 }]);
});

Deno.test("planNet() leaves others what they set up", () => {
  assert.deepEqual(plan({ kind: "empty" }), { planned: { kind: "leave" }, problems: [], notes: [] });
});
