import { deepEqual as assertEquals, equal as assertEqual } from "node:assert/strict";
import { encodeSegment } from "./tcp_segment.ts";

const SEGMENT = { sequence: 0x01020304, acknowledgement: 0x05060708, isLast: true, window: 0x1234 };
const V4 = {
  from: { address: new Uint8Array([10, 0, 0, 1]), port: 80 },
  to: { address: new Uint8Array([10, 0, 0, 2]), port: 9 },
};

/** The sum of RFC 1071 over words, which is 0xffff for what has its right checksum in it. */
function sum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += view.getUint16(at);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

Deno.test("encodeSegment() makes a packet of IPv4", () => {
  const packet = encodeSegment(SEGMENT, V4);
  assertEqual(packet.subarray(0, 20).toHex(), "450000280000000040060000" + "0a000001" + "0a000002");
  assertEqual(packet.subarray(20, 36).toHex(), "00500009" + "01020304" + "05060708" + "50111234");
  const pseudoHeader = [10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, 20];
  assertEqual(sum(new Uint8Array([...pseudoHeader, ...packet.subarray(20)])), 0xffff);
});

Deno.test("encodeSegment() makes a packet of IPv6", () => {
  const address = new Uint8Array([...new Uint8Array(15), 1]);
  const packet = encodeSegment({ ...SEGMENT, isLast: false }, {
    from: { address, port: 80 },
    to: { address, port: 9 },
  });
  assertEqual(packet.subarray(0, 40).toHex(), "6000000000140640" + address.toHex() + address.toHex());
  assertEqual(packet[40 + 13], 0x10);
  const pseudoHeader = [...address, ...address, 0, 0, 0, 20, 0, 0, 0, 6];
  assertEqual(sum(new Uint8Array([...pseudoHeader, ...packet.subarray(40)])), 0xffff);
});

Deno.test("encodeSegment() takes addresses of IPv6 that mean IPv4 for these", () => {
  const map = ({ address, port }: typeof V4.from) => (
    { address: new Uint8Array([...new Uint8Array(10), 0xff, 0xff, ...address]), port }
  );
  assertEquals(encodeSegment(SEGMENT, { from: map(V4.from), to: map(V4.to) }), encodeSegment(SEGMENT, V4));
});
