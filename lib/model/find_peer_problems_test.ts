import assert from "node:assert/strict";
import { aNet, VETH_DEVICE } from "../../tests/support/net_contents.ts";
import { findPeerProblems } from "./find_peer_problems.ts";
import type { NetDevice, NetNamespace } from "./namespaces.ts";

const END: NetDevice = { ...VETH_DEVICE, name: "a", index: 2, peer: 3 };
const OTHER: NetDevice = { ...VETH_DEVICE, name: "b", index: 3, peer: 2 };
const MACVLAN: NetDevice = { ...END, kind: "macvlan" };
const [FIRST, SECOND] = [new Map([[0, 0]]), new Map([[1, 0]])];

Deno.test("findPeerProblems() finds devices that are connected to what is none", async (t) => {
  const first = (...devices: NetDevice[]) => aNet({ devices, ids: SECOND });
  const second = (...devices: NetDevice[]) => aNet({ devices, ids: FIRST });
  const [end, other] = [{ ...END, peerNet: 1 }, { ...OTHER, peerNet: 0 }];
  const rows: readonly (readonly [string, readonly NetNamespace[], readonly string[]])[] = [
    ["a pair", [first(END, OTHER)], []],
    ["an end outside", [first(VETH_DEVICE)], []],
    ["a parent", [first(MACVLAN, { ...VETH_DEVICE, index: 3 })], []],
    ["an end that something else is connected to", [first(MACVLAN, OTHER)], [
      'net namespace: the veth device "b" is connected to device 2, which is no such',
    ]],
    ["a pair in two namespaces", [first(end), second(other)], []],
    ["a parent in another namespace", [first({ ...MACVLAN, peerNet: 1 }), second({ ...VETH_DEVICE, index: 3 })], []],
    ["an end in one that others set up", [{ kind: "external", key: "a" }, second(other)], []],
    ["no other end", [first(END)], [
      'net namespace: the veth device "a" is connected to device 3, which is no such',
    ]],
    ["another end in the wrong namespace", [first(end), second(OTHER)], [
      'net namespace: the veth device "a" is connected to device 3 of net namespace 2, which is no such',
      'net namespace 2: the veth device "b" is connected to device 2, which is no such',
    ]],
    ["a namespace without an id", [aNet({ devices: [end] }), second(other)], [
      'net namespace: the veth device "a" is connected to another net namespace, which has no id in this one',
    ]],
    ["a namespace that is not there", [first({ ...END, peerNet: -1 })], [
      'net namespace: the veth device "a" is connected to another net namespace, which has no id in this one',
    ]],
  ];
  for (const [name, nets, want] of rows) {
    await t.step(name, () => {
      assert.deepEqual(findPeerProblems(nets).map(({ where, what }) => `${where}: ${what}`), want);
    });
  }
});
