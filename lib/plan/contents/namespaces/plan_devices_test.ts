import assert from "node:assert/strict";
import { anAddress, aNet, LOOPBACK_DEVICE, VETH_DEVICE } from "../../../../tests/support/net_contents.ts";
import { IDLE_NETWORK } from "../../../../tests/support/sockets.ts";
import type { NetContents, NetDevice } from "../../../model/namespaces.ts";
import {
  childrenOf,
  connectDevices,
  type DeviceQuestions,
  encodeChild,
  encodePair,
  findDeviceObstacles,
  makeDevices,
  notesOnOptions,
  pairsOf,
  restoreAddressModes,
  setUpDevices,
} from "./plan_devices.ts";

const BRIDGE: NetDevice = { ...VETH_DEVICE, kind: "bridge", name: "br0", index: 4 };
const PAIR: readonly NetDevice[] = [
  { ...VETH_DEVICE, name: "b", index: 9, peer: 8, master: 4 },
  { ...VETH_DEVICE, name: "a", index: 8, peer: 9 },
];
const MACVLAN: NetDevice = { ...VETH_DEVICE, kind: "macvlan", name: "mv0", macvlan: { mode: 4, flags: 1 } };
const TUN: NetDevice = {
  ...{ kind: "tun", name: "tun0", index: 6, mtu: 1500, flags: 0x11091 },
  tun: { flags: 0x1001, owner: -1, group: -1, headerSize: 10, sendBuffer: 1000 },
};
const SIT: NetDevice = {
  ...{ kind: "sit", name: "sit7", index: 7, mtu: 1480, flags: 0x1_00d1 },
  sit: new Map([[2, Uint8Array.of(10, 0, 0, 1)], [10, Uint8Array.of(0)]]),
};
const OWNED = { flags: 0x1002, owner: -1, group: 5, headerSize: 10, sendBuffer: 1000 };
const OUT = { inner: "eth0", name: "out" };

function ask(questions: Partial<DeviceQuestions> = {}): DeviceQuestions {
  const network = IDLE_NETWORK;
  return {
    outerEnds: [],
    parents: [],
    network,
    kernel: [6, 15],
    hasUsers: false,
    number: 0,
    nets: [aNet()],
    ids: new Map(),
    ...questions,
  };
}

Deno.test("findDeviceObstacles() tells what cannot be restored", async (t) => {
  const host = {
    ...IDLE_NETWORK,
    devices: new Map([[1, "lo"], [2, "out"], [3, "br0"]]),
    bridges: new Set(["br0"]),
  };
  const unnamed = 'the veth device "eth0" has its other end outside, which needs a name: ' +
    '--external "veth[eth0]:NAME", or "veth[eth0]:NAME@BRIDGE" to make it a part of a bridge';
  const rows: { name: string; devices: readonly NetDevice[]; questions?: Partial<DeviceQuestions>; want: string[] }[] =
    [
      { name: "nothing", devices: [LOOPBACK_DEVICE, BRIDGE, ...PAIR], want: [] },
      {
        name: "kinds",
        devices: [{ ...VETH_DEVICE, kind: "venet", name: "venet0" }, { ...VETH_DEVICE, kind: "other", name: "x" }],
        want: ['the venet device "venet0" cannot be restored', 'the other device "x" cannot be restored'],
      },
      {
        name: "connections to outside of tasks that are not in the root's",
        devices: [LOOPBACK_DEVICE, BRIDGE, VETH_DEVICE, MACVLAN, ...PAIR],
        questions: { number: 1, nets: [aNet(), aNet()], outerEnds: [OUT] },
        want: [
          'the veth device "eth0" is connected to a net namespace that no task is in, which only one of the root task\'s can be',
          'the macvlan device "mv0" is connected to a net namespace that no task is in, which only one of the root task\'s can be',
        ],
      },
      {
        name: "connections to other net namespaces of tasks",
        devices: [{ ...VETH_DEVICE, peer: 3, peerNet: 1 }, { ...MACVLAN, peer: 4, peerNet: 2 }],
        questions: { nets: [aNet(), aNet(), { kind: "external", key: "a" }] },
        want: [
          'the macvlan device "mv0" cannot be restored: it is connected to device 4 of net namespace 3, which others have to set up',
        ],
      },
      { name: "a tun device with an owner", devices: [{ ...TUN, tun: OWNED }], want: [] },
      {
        name: "a tun device with an owner, and users of their own",
        devices: [TUN, { ...TUN, name: "tun1", index: 7, tun: OWNED }],
        questions: { hasUsers: true },
        want: ['the tun device "tun1" cannot be restored: it has an owner, and the tasks have a user namespace'],
      },
      {
        name: "tun devices that there cannot be",
        devices: [{ ...VETH_DEVICE, kind: "tun" }, { ...TUN, tun: { ...OWNED, headerSize: 9 } }],
        want: [
          'the tun device "eth0" cannot be restored: the images have nothing of what it is like',
          'the tun device "tun0" has headers of 9 bytes, or a buffer of 1000',
        ],
      },
      {
        name: "tunnels",
        devices: [SIT, { ...VETH_DEVICE, kind: "sit", name: "sit8" }, { ...SIT, name: "sit9", isMoved: true }],
        want: [
          'the sit device "sit8" cannot be restored: the images have nothing of what it is like',
          'the sit device "sit9" cannot be restored: it was made in another net namespace, ' +
          "where the packets are that have others in them",
        ],
      },
      {
        name: "a loopback device with another name",
        devices: [{ ...LOOPBACK_DEVICE, name: "loop" }],
        want: ['the loopback device "loop" cannot be restored: it has number 1, and "lo" with number 1 is made'],
      },
      {
        name: "flags",
        devices: [{ ...LOOPBACK_DEVICE, flags: 0x10449 }],
        want: ['the flags 0x400 of the loopback device "lo" cannot be restored'],
      },
      {
        name: "a part of what is not there",
        devices: PAIR,
        want: ['the veth device "b" cannot be restored: it is a part of device 4, which is no bridge in the images'],
      },
      {
        name: "parents",
        devices: [LOOPBACK_DEVICE, { ...MACVLAN, peer: 1 }],
        want: [],
      },
      {
        name: "a parent without a name",
        devices: [MACVLAN],
        want: [
          'the macvlan device "mv0" has its parent outside, which has to be named: --external "macvlan[mv0]:PARENT"',
        ],
      },
      {
        name: "a parent that is not there",
        devices: [MACVLAN],
        questions: { parents: [{ inner: "mv0", parent: "p" }] },
        want: ['"p", the parent of the macvlan device "mv0", is not there'],
      },
      {
        name: "a parent that is there",
        devices: [MACVLAN],
        questions: { parents: [{ inner: "mv0", parent: "lo" }] },
        want: [],
      },
      {
        name: "a number that another device has, where newer kernels do not look",
        devices: [{ ...MACVLAN, index: 3 }],
        questions: { parents: [{ inner: "mv0", parent: "lo" }], network: host },
        want: [],
      },
      {
        name: "a number that another device has, where older kernels look",
        devices: [{ ...MACVLAN, index: 3 }],
        questions: { parents: [{ inner: "mv0", parent: "lo" }], network: host, kernel: [6, 14] },
        want: [
          'the macvlan device "mv0" cannot have its number 3: on this host, "br0" has it, and only Linux 6.15 and newer make one with a parent outside nevertheless',
        ],
      },
      {
        name: "a free number, where older kernels look",
        devices: [{ ...MACVLAN, index: 7 }],
        questions: { parents: [{ inner: "mv0", parent: "lo" }], network: host, kernel: [6, 14] },
        want: [],
      },
      {
        name: "a mode that depends on what images do not have",
        devices: [{ ...MACVLAN, macvlan: { mode: 16, flags: 0 } }],
        want: ['the macvlan device "mv0" cannot be restored: its mode is 16'],
      },
      { name: "an end without a name", devices: [VETH_DEVICE], want: [unnamed] },
      { name: "an end with a name", devices: [VETH_DEVICE], questions: { outerEnds: [OUT] }, want: [] },
      {
        name: "an end with the name of another device, and a bridge that is none",
        devices: [VETH_DEVICE],
        questions: { outerEnds: [{ ...OUT, bridge: "lo" }], network: host },
        want: [
          'the other end of the veth device "eth0" cannot be "out": this host has such a device',
          '"lo", which a veth device is to be connected to, is no bridge',
        ],
      },
      {
        name: "a bridge that is not there",
        devices: [VETH_DEVICE],
        questions: { outerEnds: [{ ...OUT, bridge: "br0" }] },
        want: ['the bridge "br0", which a veth device is to be connected to, is not there'],
      },
      {
        name: "a bridge",
        devices: [VETH_DEVICE],
        questions: { outerEnds: [{ ...OUT, name: "new", bridge: "br0" }], network: host },
        want: [],
      },
      {
        name: "a host that cannot be looked at",
        devices: [VETH_DEVICE],
        questions: { outerEnds: [{ ...OUT, bridge: "br0" }], network: undefined },
        want: [],
      },
    ];
  for (const { name, devices, questions, want } of rows) {
    await t.step(name, () => assert.deepEqual(findDeviceObstacles(devices, ask(questions)), want));
  }
});

Deno.test("notesOnOptions() tells what the user has said of devices that are not there", () => {
  const outerEnds = [OUT, { inner: "a", name: "c" }];
  const note = (name: string) =>
    `nothing in the checkpoint is the veth device "${name}" with its other end outside: that is not made`;
  assert.deepEqual(notesOnOptions(aNet({ devices: [VETH_DEVICE, ...PAIR] }), { outerEnds, parents: [] }), [note("a")]);
  assert.deepEqual(notesOnOptions({ kind: "empty" }, { outerEnds, parents: [{ inner: "m", parent: "p" }] }), [
    note("eth0"),
    note("a"),
    'nothing in the checkpoint is the macvlan device "m" with its parent outside: that is not used',
  ]);
});

Deno.test("makeDevices() makes bridges, then pairs", () => {
  const devices = [...PAIR, LOOPBACK_DEVICE, VETH_DEVICE, MACVLAN, BRIDGE];
  assert.deepEqual(makeDevices(devices, ask({ outerEnds: [OUT] })).map(({ attempt }) => attempt), [
    'Cannot make the bridge device "br0"',
    'Cannot make the veth device "a"',
  ]);
});

Deno.test("setUpDevices() sets up bridges last", () => {
  const devices = [...PAIR, LOOPBACK_DEVICE, VETH_DEVICE, BRIDGE];
  assert.deepEqual(setUpDevices(devices, ask({ outerEnds: [OUT] })).map(({ attempt }) => attempt), [
    'Cannot set up the loopback device "lo"',
    'Cannot choose how the bridge device "br0" gets its addresses of IPv6',
    ...["b", "a", "eth0"].map((name) => `Cannot choose how the veth device "${name}" gets its addresses of IPv6`),
    ...["eth0", "a", "b"].map((name) => `Cannot set up the veth device "${name}"`),
    'Cannot set up the bridge device "br0"',
  ]);
});

Deno.test("pairsOf() finds what is made from outside", () => {
  const devices = [...PAIR, LOOPBACK_DEVICE, VETH_DEVICE];
  assert.deepEqual(pairsOf(devices, [OUT]), [{ device: VETH_DEVICE, outer: OUT }]);
  assert.deepEqual(pairsOf(devices, []), []);
});

/** `struct ifinfomsg` with an index alone. */
const header = (index: string) => `00000000${index}000000${"00".repeat(8)}`;
/** Attributes: a size of packets, an address, names. */
const MTU_1500 = "08000400dc050000";
const MTU_9000 = "0800040028230000";
const ADDRESS = "0a0001000200000000020000";
const NAME_ETH0 = "0900030065746830" + "00000000";
const NAME_OUT = "080003006f757400";
const KIND_VETH = "0900010076657468" + "00000000";

const PARENTS = new Map([[7, "p"]]);

type Bodies = (devices: readonly NetDevice[]) => string[];

Deno.test("makeDevices() and setUpDevices() encode what the kernel takes", async (t) => {
  const [made, setUp] = [makeDevices, setUpDevices].map((plan) => (
    (devices: readonly NetDevice[]) => plan(devices, ask({ nets: [aNet({ devices })] })).map(({ body }) => body.toHex())
  )) as [Bodies, Bodies];
  const pairWith = (changes: Partial<NetDevice>) => (
    encodePair({ device: { ...VETH_DEVICE, ...changes }, outer: OUT }, { index: 7, network: 9 }).toHex()
  );
  await t.step("the flags and the size of packets of the loopback device", () => {
    assert.equal(setUp([LOOPBACK_DEVICE])[0], "00000000" + "01000000" + "01000000" + "a5f30000" + "0800040000000100");
    assert.deepEqual(setUp([])[0], "00000000" + "01000000" + "00000000" + "a5f30000" + "0800040000000100");
  });
  await t.step("a device with its other end outside, from where it is made", () => {
    const peer = `${header("02")}${NAME_ETH0}${MTU_1500}${ADDRESS}08001c0009000000`;
    const info = `50001200${KIND_VETH}40000200${"3c000100"}${peer}`;
    assert.equal(pairWith({}), `${header("07")}${NAME_OUT}${MTU_1500}${info}`);
  });
  await t.step("an end outside that takes packets as large", () => {
    assert.ok(pairWith({ mtu: 9000 }).includes(`${NAME_OUT}${MTU_9000}`));
    assert.ok(pairWith({ mtu: 1400 }).includes(`${NAME_OUT}${MTU_1500}`));
  });
  await t.step("the address of a device that is made by other means", () => {
    const address = Uint8Array.of(2, 0, 0, 0, 0, 2);
    assert.ok(setUp([{ ...TUN, address }]).at(-1)?.endsWith(`${MTU_1500}${ADDRESS}`));
    assert.ok(setUp([TUN]).at(-1)?.endsWith(MTU_1500));
  });
  await t.step("a pair", () => {
    const peer = `${header("09")}0600030062000000${MTU_1500}${ADDRESS}`;
    assert.ok(made(PAIR)[0]?.endsWith(peer));
  });
  await t.step("a pair in two namespaces, which the first one makes", () => {
    const [end, other] = [{ ...PAIR[0]!, peerNet: 0 }, { ...PAIR[1]!, peerNet: 1 }];
    const nets = [aNet({ devices: [other] }), aNet({ devices: [end] })];
    assert.deepEqual(makeDevices([end], ask({ nets, number: 1 })), []);
    const [request] = makeDevices([other], ask({ nets }));
    assert.equal(request?.endsWithNetwork, 1);
    assert.ok(request?.body.toHex().endsWith(`${header("09")}0600030062000000${MTU_1500}${ADDRESS}08001c0000000000`));
  });
  await t.step("a device with its parent outside, which takes no packets yet", () => {
    const devices = [MACVLAN];
    const questions = ask({ parents: [{ inner: "mv0", parent: "p" }], network: { ...IDLE_NETWORK, devices: PARENTS } });
    const [child] = childrenOf(devices, questions);
    assert.equal(child?.parent, 7);
    const body = encodeChild({ device: MACVLAN, parent: 7 }, 9).toHex();
    assert.ok(body.includes("0800050007000000" + "08001c0009000000"));
    assert.ok(body.endsWith("0800010010000000" + "0600020001000000"));
    const requests = [...makeDevices(devices, questions), ...setUpDevices(devices, questions)];
    assert.ok(requests.every(({ attempt }) => !attempt.startsWith("Cannot make")));
    assert.ok(connectDevices(devices)[0]?.body.toHex().endsWith("0800010004000000" + "0600020001000000"));
  });
  await t.step("a device with its parent within", () => {
    const devices = [{ ...MACVLAN, peer: 4 }, BRIDGE];
    assert.ok(setUp(devices)[1]?.includes(`${"0800050004000000"}24001200`));
  });
  await t.step("a device with its parent in another namespace of the tasks", () => {
    const devices = [{ ...MACVLAN, peer: 4, peerNet: 1 }];
    const ids = new Map([[1, 3]]);
    const [, made] = setUpDevices(devices, ask({ ids, nets: [aNet({ devices }), aNet({ devices: [BRIDGE] })] }));
    assert.ok(made?.body.toHex().includes("0800050004000000" + "0800250003000000"));
  });
  await t.step("a tunnel", () => {
    const kind = "0800010073697400";
    assert.ok(made([SIT])[0]?.endsWith(`20001200${kind}14000200${"080002000a000001"}${"05000a0000000000"}`));
  });
  await t.step("a part of a bridge", () => {
    assert.equal(setUp(PAIR).at(-1), `00000000${"09000000"}01100000a5f30000${MTU_1500}08000a0004000000`);
  });
  await t.step("no address that the kernel makes", () => {
    assert.equal(setUp(PAIR)[1], `${header("09")}10001a000c000a00${"05000800"}01000000`);
  });
});

Deno.test("restoreAddressModes() lets the kernel make an address if it has made one", async (t) => {
  const linkLocal = anAddress([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2], 64, 2);
  const ofTunnel = anAddress([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0xfe, 10, 0, 0, 1], 64, 7);
  const onSit = new Map([["net/ipv6/conf/sit7/disable_ipv6", "0"]]);
  const on = ["net/ipv6/conf/eth0/disable_ipv6", "0"] as const;
  const rows: { name: string; net: Partial<NetContents>; want: boolean }[] = [
    { name: "it has", net: { addresses: [linkLocal] }, want: true },
    { name: "it has not", net: {}, want: false },
    { name: "another device has it", net: { addresses: [anAddress([0xfe, 0x80], 64, 3)] }, want: false },
    { name: "it was not connected", net: { devices: [{ ...VETH_DEVICE, flags: 0x1003 }] }, want: true },
    { name: "without IPv6", net: { sysctls: new Map([[on[0], "1"]]) }, want: true },
    {
      name: "with a secret",
      net: { sysctls: new Map([on, ["net/ipv6/conf/eth0/stable_secret", "::1"]]) },
      want: false,
    },
    { name: "the loopback device", net: { devices: [LOOPBACK_DEVICE] }, want: false },
    { name: "of a tunnel", net: { devices: [SIT], addresses: [ofTunnel], sysctls: onSit }, want: true },
    {
      name: "of a tunnel that has another one",
      net: { devices: [SIT], addresses: [anAddress([0xfe, ...new Array(15).fill(1)], 64, 7)], sysctls: onSit },
      want: false,
    },
    {
      name: "a secret that the kernel has chosen, for a device without an address",
      net: { devices: [TUN], sysctls: new Map([["net/ipv6/conf/tun0/stable_secret", "::1"]]) },
      want: true,
    },
  ];
  for (const { name, net, want } of rows) {
    await t.step(name, () => {
      const all = aNet({ devices: [VETH_DEVICE], addresses: [], sysctls: new Map([on]), ...net });
      assert.equal(restoreAddressModes(all).length, want ? 1 : 0);
    });
  }
});
