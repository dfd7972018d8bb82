import assert from "node:assert/strict";
import { encodeAttributes, parseAttributes } from "./route_message.ts";
import { withoutWindows } from "./tracked_connection.ts";

/** `struct nfgenmsg` of IPv4, and CTA_PROTOINFO with CTA_PROTOINFO_TCP, which has these. */
function aConnection(tcp: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const inside = (type: number, attributes: ReadonlyMap<number, Uint8Array>) => (
    new Map([[type, encodeAttributes(attributes)]])
  );
  return Uint8Array.of(2, 0, 0, 0, ...encodeAttributes(inside(4, inside(1, tcp))));
}

Deno.test("withoutWindows() has the kernel not look at the numbers of packets", () => {
  const state = [1, Uint8Array.of(3)] as const;
  const connection = aConnection(new Map([state, [4, Uint8Array.of(0x20, 0x27)], [5, Uint8Array.of(0, 0)]]));
  const before = connection.slice();
  assert.deepEqual(
    withoutWindows(connection),
    aConnection(new Map([state, [4, Uint8Array.of(0x28, 0x2f)], [5, Uint8Array.of(8, 8)]])),
  );
  assert.deepEqual(connection, before);
});

Deno.test("withoutWindows() leaves others as they are", () => {
  const udp = Uint8Array.of(10, 0, 0, 0, ...encodeAttributes(new Map([[7, Uint8Array.of(0, 0, 0, 9)]])));
  assert.deepEqual(withoutWindows(udp), udp);
  assert.deepEqual([...parseAttributes(withoutWindows(udp).subarray(4), 0).keys()], [7]);
});

Deno.test("withoutWindows() refuses what is no such message", async (t) => {
  const rows: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ["too short", Uint8Array.of(2, 0)],
    ["an attribute that does not fit", Uint8Array.of(2, 0, 0, 0, 99, 0, 4, 0)],
    ["an attribute within that does not fit", Uint8Array.of(2, 0, 0, 0, 8, 0, 4, 0, 99, 0, 1, 0)],
  ];
  for (const [name, bytes] of rows) await t.step(name, () => assert.throws(() => withoutWindows(bytes), RangeError));
});
