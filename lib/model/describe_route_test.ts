import assert from "node:assert/strict";
import { anAddress, aRoute, LOCAL_ADDRESS_6 } from "../../tests/support/net_contents.ts";
import {
  describeAddress,
  describeRoute,
  isTemporary,
  nameAddress,
  nameRoute,
  nextHopsOf,
  plainRoute,
} from "./describe_route.ts";
import type { RouteMessage } from "./route_message.ts";

Deno.test("addresses and routes have names", () => {
  assert.equal(nameAddress(anAddress([10, 0, 0, 1], 8)), "10.0.0.1/8");
  assert.equal(nameAddress(LOCAL_ADDRESS_6), "::1/128");
  assert.equal(nameRoute(aRoute([10, 0, 0, 0], 8)), "10.0.0.0/8");
  const header = Uint8Array.of(10, 0, 0, 0, 254, 3, 0, 7, 0, 0, 0, 0);
  assert.equal(nameRoute({ type: 24, header, attributes: new Map() }), "unreachable ::/0");
});

function withAttributes(message: RouteMessage, attributes: Readonly<Record<number, readonly number[]>>): RouteMessage {
  const more = Object.entries(attributes).map(([type, value]) => [Number(type), Uint8Array.from(value)] as const);
  return { ...message, attributes: new Map([...more, ...message.attributes]) };
}

Deno.test("describeAddress() tells what matters", () => {
  const address = anAddress([10, 0, 0, 1], 8);
  const forever = new Array(8).fill(255);
  const times = (...lifetimes: readonly number[]) =>
    describeAddress(withAttributes(address, { 6: lifetimes, 11: [1] }));
  assert.equal(times(...forever, 1, 2, 3, 4, 5, 6, 7, 8), "10.0.0.1/8 0x80 fe01000000 2:0a000001 forever forever");
  assert.equal(times(9, 0, 0, 0, 8, 0, 0, 0), times(3, 0, 0, 0, 2, 0, 0, 0));
  assert.notEqual(times(...forever), times(...forever.slice(4), 9, 0, 0, 0));
});

Deno.test("describeAddress() leaves out what the kernel finds out about an address of IPv6", () => {
  const flags = (address: RouteMessage, value: number) =>
    describeAddress(withAttributes(address, { 8: [value, 8, 0, 0] }));
  assert.equal(
    flags(LOCAL_ADDRESS_6, 0x80),
    "::1/128 0x80 fe01000000 1:00000000000000000000000000000001 for a while for a while",
  );
  assert.equal(flags(LOCAL_ADDRESS_6, 0xc9), flags(LOCAL_ADDRESS_6, 0x80));
  assert.notEqual(flags(LOCAL_ADDRESS_6, 0x82), flags(LOCAL_ADDRESS_6, 0x80));
  const four = anAddress([10, 0, 0, 1], 8);
  assert.notEqual(flags(four, 0xc8), flags(four, 0x80));
});

Deno.test("isTemporary() tells temporary addresses of IPv6 from further ones of IPv4", () => {
  const flags = { 8: [0x81, 0, 0, 0] };
  assert.equal(isTemporary(withAttributes(LOCAL_ADDRESS_6, flags)), true);
  assert.equal(isTemporary(LOCAL_ADDRESS_6), false);
  assert.equal(isTemporary(withAttributes(anAddress([10, 0, 0, 1], 8), flags)), false);
});

Deno.test("describeRoute() tells what matters, whatever its order", () => {
  const route = aRoute([10, 0, 0, 0], 8, { 4: [1, 0, 0, 0] });
  const other = aRoute([10, 0, 0, 0], 8);
  assert.equal(describeRoute(withAttributes(other, { 12: [1], 4: [1, 0, 0, 0] })), describeRoute(route));
  assert.notEqual(describeRoute(other), describeRoute(route));
});

Deno.test("plainRoute() has all ways of a route, without what the kernel finds out about them", () => {
  const ways = (...flags: readonly number[]) => (
    aRoute([10, 0, 0, 0], 8, { 9: flags.flatMap((flag) => [8, 0, flag, 1, 7, 0, 0, 0]) })
  );
  assert.deepEqual(nextHopsOf(plainRoute(ways(0x15, 0))), nextHopsOf(ways(4, 0)));
  assert.equal(describeRoute(ways(0x11, 0)), describeRoute(ways(0, 0)));
  assert.notEqual(describeRoute(ways(0)), describeRoute(ways(0, 0)));
  assert.deepEqual(plainRoute(aRoute([10, 0, 0, 0], 8)).attributes, aRoute([10, 0, 0, 0], 8).attributes);
});

Deno.test("describeRoute() leaves out whether a device is connected, but not what a gateway is thought to be", () => {
  const withFlags = (flags: number) => {
    const route = aRoute([10, 0, 0, 0], 8);
    return describeRoute({ ...route, header: Uint8Array.of(...route.header.subarray(0, 8), flags, 0, 0, 0) });
  };
  assert.equal(withFlags(0x11), withFlags(0));
  assert.notEqual(withFlags(4), withFlags(0));
});
