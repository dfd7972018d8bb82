import assert from "node:assert/strict";
import type { SitEntry } from "../gen/sit.ts";
import { aNetDeviceEntry } from "../../tests/support/net_contents.ts";
import { buildSit, describeSit, hasWholeAddresses, sitAddress } from "./sit_tunnel.ts";

function anEntry(init: NonNullable<Parameters<typeof aNetDeviceEntry>[0]>["sit"]): SitEntry {
  const { sit } = aNetDeviceEntry({ sit: init ?? {} });
  if (sit === undefined) throw new Error("There is none");
  return sit;
}

const WHOLE = anEntry({
  ...{ link: 3, local: [0x0100_000a], remote: [0x0200_000a], ttl: 64, tos: 16, pmtudisc: true, proto: 41, flags: 1 },
  ...{ encapType: 1, encapFlags: 2, encapSport: 3, encapDport: 0xb315 },
  ...{ rdPrefixlen: 32, rdPrefix: [0xaaaa_0220, 0, 0, 0], relayPrefixlen: 8, relayPrefix: [10] },
});

Deno.test("buildSit() has attributes in the sizes that the kernel takes", () => {
  assert.deepEqual([...buildSit(WHOLE)].map(([type, value]) => `${type}:${value.toHex()}`), [
    ...["1:03000000", "2:0a000001", "3:0a000002", "4:40", "5:10", "8:0100", "9:29", "10:01"],
    ...["11:2002aaaa000000000000000000000000", "12:0a000000", "13:2000", "14:0800"],
    ...["15:0100", "16:0200", "17:0300", "18:15b3"],
  ]);
});

Deno.test("buildSit() tells that the size of packets is not found out, as images do not", () => {
  assert.deepEqual(buildSit(anEntry({})), new Map([[10, Uint8Array.of(0)]]));
});

Deno.test("hasWholeAddresses() finds those that are none", async (t) => {
  const rows: readonly (readonly [Parameters<typeof anEntry>[0], boolean])[] = [
    [{}, true],
    [{ local: [1], remote: [1], rdPrefix: [1, 2, 3, 4] }, true],
    [{ local: [1, 2] }, false],
    [{ rdPrefix: [1] }, false],
  ];
  for (const [entry, want] of rows) {
    await t.step(JSON.stringify(entry), () => assert.equal(hasWholeAddresses(buildSit(anEntry(entry))), want));
  }
});

Deno.test("sitAddress() tells where packets come from", () => {
  assert.deepEqual(sitAddress(buildSit(WHOLE)), Uint8Array.of(10, 0, 0, 1));
  assert.equal(sitAddress(new Map([[2, new Uint8Array(4)]])), undefined);
  assert.equal(sitAddress(undefined), undefined);
});

Deno.test("describeSit() leaves out what is 0, and what images do not have", () => {
  const told = new Map([[4, Uint8Array.of(64)], [2, Uint8Array.of(10, 0, 0, 1)]]);
  assert.equal(describeSit(told), "2:0a000001 4:40");
  assert.equal(describeSit(new Map([...told, [5, Uint8Array.of(0)], [20, Uint8Array.of(7)]])), describeSit(told));
  assert.notEqual(describeSit(new Map([...told, [5, Uint8Array.of(1)]])), describeSit(told));
});
