import assert from "node:assert/strict";
import { encodeRouteBody, parseRouteMessages, RTM_NEWADDR } from "./route_message.ts";

const HEADER = Uint8Array.of(2, 8, 0, 254, 1, 0, 0, 0);
const ADDRESS = {
  type: RTM_NEWADDR,
  header: HEADER,
  attributes: new Map([[2, Uint8Array.of(127, 0, 0, 1)], [3, Uint8Array.of(0x6c, 0x6f, 0)]]),
};

/** A message with that body. */
function message(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  bytes.set(body, 16);
  return bytes;
}

Deno.test("parseRouteMessages() reads what encodeRouteBody() has written", () => {
  const bytes = message(RTM_NEWADDR, encodeRouteBody(ADDRESS));
  assert.equal(bytes.length % 4, 0);
  assert.deepEqual(parseRouteMessages(Uint8Array.of(...bytes, ...bytes)), [ADDRESS, ADDRESS]);
});

Deno.test("parseRouteMessages() ends at zeros", () => {
  assert.deepEqual(parseRouteMessages(new Uint8Array(40)), []);
});

Deno.test("parseRouteMessages() tells what is none", async (t) => {
  const rows: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["half a header", Uint8Array.of(20, 0, 0, 0), /a message at offset 0: it has no end/],
    ["a length beyond the end", message(3, new Uint8Array(4)).subarray(0, 18), /at offset 0: it has no end/],
    ["no structure", message(RTM_NEWADDR, new Uint8Array(4)), /at offset 0: it is too short/],
    [
      "an attribute beyond the end",
      message(RTM_NEWADDR, Uint8Array.of(...HEADER, 9, 0, 1, 0)),
      /at offset 0: an attribute does not fit into it/,
    ],
  ];
  for (const [name, bytes, want] of rows) {
    await t.step(name, () => assert.throws(() => parseRouteMessages(bytes), want));
  }
});
