import assert from "node:assert/strict";
import { describeDevice, isDeviceName, nameDevice } from "./net_device.ts";
import type { NetDevice } from "./namespaces.ts";

Deno.test("isDeviceName() takes what the kernel takes", async (t) => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["eth0", true],
    ["a.7@b-c_d", true],
    ["fifteen-letters", true],
    ["sixteen-letters-", false],
    ["", false],
    [".", false],
    ["..", false],
    ["a/b", false],
    ["a:b", false],
    ["a b", false],
    ["eth%d", false],
  ];
  for (const [name, want] of rows) await t.step(JSON.stringify(name), () => assert.equal(isDeviceName(name), want));
});

Deno.test("describeDevice() tells what matters", () => {
  const device: NetDevice = { kind: "veth", name: "a", index: 2, mtu: 1400, flags: 0x1_1043 };
  assert.equal(nameDevice(device), 'the veth device "a"');
  assert.equal(describeDevice(device), "veth, number 2, mtu 1400, flags 0x1001");
  assert.equal(describeDevice({ ...device, flags: 0x1003 }), describeDevice(device));
  assert.equal(
    describeDevice({ ...device, address: Uint8Array.of(2, 10), master: 4, peer: 5 }),
    "veth, number 2, mtu 1400, flags 0x1001, address 020a, part of device 4, connected to device 5",
  );
  assert.equal(
    describeDevice({ ...device, peer: 5, peerNet: 0 }),
    "veth, number 2, mtu 1400, flags 0x1001, connected to device 5 of net namespace 1",
  );
  const sit = new Map([[4, Uint8Array.of(64)]]);
  assert.equal(describeDevice({ ...device, kind: "sit", sit }), "sit, number 2, mtu 1400, flags 0x1001, tunnel 4:40");
});
