import assert from "node:assert/strict";
import type { NamespacesPlan } from "../../plan/contents/namespaces/namespaces_plan.ts";
import type { FillNet, NetPlan } from "../../plan/contents/namespaces/net_plan.ts";
import { AN_OBJECT, aSegment } from "../../../tests/support/ipc_objects.ts";
import { LOOPBACK_DEVICE, VETH_DEVICE } from "../../../tests/support/net_contents.ts";
import {
  compareJoined,
  compareMaps,
  compareNamespaces,
  compareNet,
  type ObservedNamespaces,
  type ObservedNet,
} from "./verify_namespaces.ts";

const PLAN: NamespacesPlan = {
  kinds: ["uts", "ipc"],
  uts: { hostName: "a", domainName: "b" },
  ipc: {
    raised: [],
    segments: [
      { ...aSegment(), scratch: 0, fills: [] },
      { ...aSegment({ id: 4, isRemoved: true }), scratch: 0, fills: [] },
    ],
    queues: [{ ...AN_OBJECT, capacity: 9, messages: [{ type: 1n, bytes: new Uint8Array(0) }] }],
    semaphores: [{ ...AN_OBJECT, values: [1, 2] }],
    sysctls: [{ path: "kernel/sem", value: "1 2 3 4" }],
    removed: [4],
  },
};

const AS_PLANNED: ObservedNamespaces = {
  links: new Map(),
  mountLinks: [],
  netLinks: [],
  nets: [],
  uts: { hostName: "a", domainName: "b" },
  sysctls: new Map([["kernel/sem", "1 2 3 4"]]),
  segments: [aSegment()],
  queues: [{ ...AN_OBJECT, capacity: 9, count: 1 }],
  semaphores: [{ ...AN_OBJECT, values: [1, 2] }],
};

Deno.test("compareNamespaces() finds what differs", async (t) => {
  const object = "key 0x77, mode 640, of 0:0, by 0:0";
  const rows: { name: string; found: Partial<ObservedNamespaces>; want: string[] }[] = [
    { name: "nothing", found: {}, want: [] },
    {
      name: "names",
      found: { uts: { hostName: "a", domainName: "(none)" } },
      want: ['the domain name is "(none)", and should be "b"'],
    },
    {
      name: "sysctls",
      found: { sysctls: new Map() },
      want: ['the sysctl kernel.sem is missing, and should be "1 2 3 4"'],
    },
    {
      name: "shared memory",
      found: { segments: [aSegment({ uid: 5, isLocked: true })] },
      want: [
        'the shared memory 3 is "key 0x77, mode 640, of 5:0, by 0:0, 8192 bytes, locked", and should be ' +
        `"${object}, 8192 bytes"`,
      ],
    },
    {
      name: "a queue",
      found: { queues: [{ ...AN_OBJECT, capacity: 9, count: 0 }] },
      want: [
        `the message queue 3 is "${object}, 0 messages, for 9 bytes", and should be ` +
        `"${object}, 1 messages, for 9 bytes"`,
      ],
    },
    {
      name: "semaphores",
      found: { semaphores: [] },
      want: [`the set of semaphores 3 is missing, and should be "${object}, 1 2"`],
    },
  ];
  for (const { name, found, want } of rows) {
    await t.step(name, () => assert.deepEqual(compareNamespaces(PLAN, { ...AS_PLANNED, ...found }), want));
  }
});

const FILL: FillNet = {
  kind: "fill",
  ...{ idRequests: [], pairs: [], children: [], deviceRequests: [], setUp: [], ids: new Map([[1, 4]]) },
  sysctls: [{ path: "net/unix/max_dgram_qlen", value: "10" }],
  requests: [],
  ruleRequests: [],
  filters: [],
  tracked: [],
  connections: [],
  outerEnds: [],
  devices: [LOOPBACK_DEVICE, VETH_DEVICE],
  addresses: ["127.0.0.1/8", "::1/128"],
  routes: ["10.0.0.0/8"],
  rules: ["0 table 255", "7 table 254"],
};

Deno.test("compareNamespaces() finds what differs in a net namespace", async (t) => {
  const { devices, addresses, routes, rules, ids } = FILL;
  const sysctls = new Map([["net/unix/max_dgram_qlen", "10"]]);
  const net = { devices, addresses, routes, ids, ...rules === undefined ? {} : { rules }, sysctls };
  const rows: { name: string; found: Partial<ObservedNet>; want: string[] }[] = [
    { name: "nothing", found: {}, want: [] },
    {
      name: "a setting",
      found: { sysctls: new Map([["net/unix/max_dgram_qlen", "11"]]) },
      want: ['the sysctl net.unix.max_dgram_qlen is "11", and should be "10"'],
    },
    {
      name: "devices, but not whether they are connected, nor others",
      found: {
        devices: [{ ...LOOPBACK_DEVICE, mtu: 1400, flags: 8 }, { ...VETH_DEVICE, flags: 0x1003 }, {
          ...VETH_DEVICE,
          name: "other",
        }],
      },
      want: [
        'the device "lo" is "loopback, number 1, mtu 1400, flags 0x0", ' +
        'and should be "loopback, number 1, mtu 65536, flags 0x1"',
      ],
    },
    {
      name: "a device that is missing",
      found: { devices: [LOOPBACK_DEVICE] },
      want: [
        'the device "eth0" is missing, and should be ' +
        '"veth, number 2, mtu 1500, flags 0x1001, address 020000000002"',
      ],
    },
    {
      name: "addresses and routes",
      found: { addresses: ["127.0.0.1/8"], routes: ["10.0.0.0/8", "0.0.0.0/0"] },
      want: ['the address "::1/128" is missing', 'the route "0.0.0.0/0" is there, and should not be'],
    },
    {
      name: "the id of another namespace",
      found: { ids: new Map([[1, -1]]) },
      want: ['the id of net namespace 2 is "-1", and should be "4"'],
    },
    {
      name: "the order of rules for routes",
      found: { rules: ["7 table 254", "0 table 255"] },
      want: [
        'the list of rules for routes is "7 table 254, 0 table 255", and should be "0 table 255, 7 table 254"',
      ],
    },
  ];
  for (const { name, found, want } of rows) {
    await t.step(name, () => {
      const observed = { ...AS_PLANNED, nets: [{ ...net, ...found }] };
      assert.deepEqual(compareNamespaces({ kinds: ["net"], net: FILL }, observed), want);
    });
  }
  await t.step("in one that is not the root task's", () => {
    const [homes, entries] = [new Map([[7, 1]]), new Map()];
    const namespaces = [{ handle: 0, witness: 1 }, { handle: 1, net: FILL, witness: 7 }];
    const plan: NamespacesPlan = { kinds: ["net"], net: FILL, nestedNets: { namespaces, homes, entries } };
    const observed = { ...AS_PLANNED, nets: [net, { ...net, routes: [] }] };
    assert.deepEqual(compareNamespaces(plan, observed), ['net namespace 2: the route "10.0.0.0/8" is missing']);
  });
});

Deno.test("compareMaps() tells which ids there should be", () => {
  const range = { first: 0, outside: 7, count: 9 };
  const user = { uids: [range], gids: [range], entersLate: false, state: [], images: [] };
  const compare = (gids: string) =>
    compareMaps({ kinds: ["user"], user }, (map) => map === "uid_map" ? " 0 7 9\n" : gids);
  assert.deepEqual(compare("0  7  9\n"), []);
  assert.deepEqual(compare("0 8 9\n"), ['gid_map is "0 8 9", and should be "0 7 9"']);
  assert.deepEqual(compareMaps({ kinds: [] }, () => ""), []);
});

Deno.test("compareNet() tells a net namespace that is the wrong one", () => {
  const compare = (net: NetPlan | undefined, found?: string) => compareNet(net, { found, own: () => "net:[1]" });
  assert.deepEqual(compare(undefined), []);
  assert.deepEqual(compare(FILL, "net:[2]"), []);
  assert.deepEqual(compare({ kind: "leave" }, "net:[1]"), [
    "the net namespace is cgrestore's own, and should be another one",
  ]);
  const join = { kind: "join", fd: 3, key: "a", link: "net:[1]" } as const;
  assert.deepEqual(compare(join, "net:[1]"), []);
  assert.deepEqual(compare(join, "net:[2]"), ['the net namespace is "net:[2]", and should be "net:[1]"']);
});

Deno.test("compareJoined() tells whether it is the one", () => {
  const join = { kind: "uts", path: "/ns/pod" } as const;
  const identities = new Map([["/ns/pod", "4:77"], ["/proc/7/ns/uts", "4:77"], ["/proc/8/ns/uts", "4:78"]]);
  const compare = (root: number) => compareJoined(join, (path) => identities.get(path) ?? "", root);
  assert.deepEqual(compare(7), []);
  assert.deepEqual(compare(8), ['the uts namespace is another one than "/ns/pod"']);
});
