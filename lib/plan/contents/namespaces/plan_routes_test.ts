import assert from "node:assert/strict";
import { aNet, aRoute } from "../../../../tests/support/net_contents.ts";
import type { RouteMessage } from "../../../model/route_message.ts";
import { addRoutes, findRouteObstacles } from "./plan_routes.ts";

/** A route with several ways, each through a device and with further attributes. */
function withWays(...ways: readonly (readonly [device: number, attributes: readonly number[]])[]): RouteMessage {
  return aRoute([10, 9, 0, 0], 16, {
    9: ways.flatMap(([device, attributes]) => [8 + attributes.length, 0, 0x10, 0, device, 0, 0, 0, ...attributes]),
  });
}

const GATEWAY = [8, 0, 5, 0, 10, 0, 0, 1];

Deno.test("findRouteObstacles() looks at all ways of a route", async (t) => {
  const lead = "the route 10.9.0.0/16 cannot be restored: ";
  const rows: readonly (readonly [string, RouteMessage, string[]])[] = [
    ["what can be restored", withWays([1, GATEWAY], [2, []]), []],
    ["a device that is not there", withWays([1, []], [3, []]), [`${lead}it goes through device 3, which is not there`]],
    ["attributes", withWays([1, [8, 0, 30, 0, 1, 0, 0, 0]]), [`${lead}it has attributes 30`]],
  ];
  for (const [name, route, want] of rows) {
    await t.step(name, () => assert.deepEqual(findRouteObstacles(aNet({ routes: [route] }), new Set([1, 2])), want));
  }
});

Deno.test("addRoutes() has what is behind gateways last, whatever those are", () => {
  const routes = [
    withWays([1, GATEWAY]),
    aRoute([10, 2, 0, 0], 16, { 18: [10, 0, ...new Array(16).fill(1)] }),
    aRoute([10, 3, 0, 0], 16, { 5: [10, 0, 0, 1] }),
    aRoute([10, 4, 0, 0], 16),
  ];
  const requests = addRoutes(aNet({ addresses: [], routes }));
  assert.deepEqual(requests.map(({ attempt }) => attempt), [
    "Cannot add the route 10.4.0.0/16",
    "Cannot add the route 10.9.0.0/16",
    "Cannot add the route 10.2.0.0/16",
    "Cannot add the route 10.3.0.0/16",
  ]);
  assert.ok(requests[1]?.body.toHex().endsWith("14000900" + "10000000" + "01000000" + "08000500" + "0a000001"));
});

Deno.test("addRoutes() adds routes to the same network again, in their order", async (t) => {
  const through = (device: number, changes: Readonly<Record<number, readonly number[]>> = {}) => (
    aRoute([10, 9, 0, 0], 16, { 4: [device, 0, 0, 0], ...changes })
  );
  const local = { ...aRoute([], 64, { 1: [0xfe, 0x80, ...new Array(14).fill(0)] }) };
  const rows: readonly (readonly [string, readonly RouteMessage[], readonly number[]])[] = [
    ["others", [through(1), aRoute([10, 8, 0, 0], 16), through(2, { 6: [1, 0, 0, 0] })], []],
    ["the same", [through(2), aRoute([10, 8, 0, 0], 16), through(1)], [2, 2, 1, 1]],
    ["those of devices alone", [local, local], []],
  ];
  for (const [name, routes, want] of rows) {
    await t.step(name, () => {
      const requests = addRoutes(aNet({ addresses: [], routes })).slice(routes.length);
      assert.deepEqual(
        requests.map(({ type, flags }) => [type, flags]),
        want.map((_, index) => (
          index % 2 === 0 ? [25, 0] : [24, 0xc00]
        )),
      );
      assert.deepEqual(requests.map(({ body }) => body.at(-4)), want);
    });
  }
});
