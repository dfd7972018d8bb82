import assert from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import {
  anAddress,
  aRoute,
  aRule,
  DEFAULT_RULES_TOLD,
  LOCAL_ADDRESS,
  LOCAL_ADDRESS_6,
  LOOPBACK_DEVICE,
  saved,
  VETH_DEVICE,
} from "../../../../tests/support/net_contents.ts";
import { SysError } from "../../../errors.ts";
import { describeAddress, describeRoute } from "../../../model/describe_route.ts";
import { describeRule } from "../../../model/route_rule.ts";
import {
  encodeAttributes,
  encodeRouteBody,
  numberValue,
  type RouteMessage,
  textValue,
} from "../../../model/route_message.ts";
import type { FillNet, RouteRequest } from "../../../plan/contents/namespaces/net_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { fillNet, observeNet, observeNets } from "./net_contents.ts";
import { askForIds, askForRoutes, type RouteContext } from "./route_requests.ts";

function aRequest(parts: Partial<RouteRequest> = {}): RouteRequest {
  return { attempt: "Cannot do it", type: 20, flags: 0x400, body: Uint8Array.of(1, 2, 3, 4), tolerated: [], ...parts };
}

const FILL: FillNet = {
  kind: "fill",
  sysctls: [{ path: "net/unix/a", value: "7" }],
  requests: [aRequest({ tolerated: ["EEXIST"] })],
  ...{
    idRequests: [],
    pairs: [],
    children: [],
    deviceRequests: [],
    setUp: [],
    ids: new Map(),
    ruleRequests: [],
    filters: [],
    tracked: [],
    connections: [],
    outerEnds: [],
    devices: [LOOPBACK_DEVICE],
    addresses: [],
    routes: [],
  },
};

/** Where the call of that name, the n-th from 0, writes. */
function outputOf(calls: readonly RemoteCall[], count: number): Uint8Array {
  const outputs = calls.flatMap((call) => (
    call.arguments.flatMap((argument) => typeof argument === "object" && "output" in argument ? [argument.output] : [])
  ));
  return outputs[count] ?? new Uint8Array();
}

/** An answer to a request: an errno below 0. */
function answer(output: Uint8Array, error: number): void {
  const view = new DataView(output.buffer);
  view.setUint16(4, 2, true);
  view.setInt32(16, -error, true);
}

const ERRNOS: Readonly<Record<number, string>> = { 1: "EPERM", 17: "EEXIST" };

const CONTEXT: RouteContext = {
  ...filesContext(),
  errnoName: (errno) => ERRNOS[errno] ?? "",
  netNamespaces: [200, 201],
};

function render(calls: readonly RemoteCall[]): string[] {
  return calls.map((call) => renderCall(call).split(" ").slice(0, 3).join(" "));
}

const REQUESTS = [aRequest({ type: 19, flags: 0 }), aRequest({ type: 16, endsWithNetwork: 0 })];

Deno.test("askForRoutes() puts descriptors of namespaces into what is asked for", () => {
  assert.deepEqual(render(askForRoutes(CONTEXT, REQUESTS).calls), [
    "socket 16 3",
    `sendto 0 ${"14000000" + "13000500" + "00".repeat(8) + "01020304"}`,
    "recvfrom 0 [1024]",
    `sendto 0 ${"14000000" + "10000504" + "00".repeat(8) + "c8000000"}`,
    "recvfrom 0 [1024]",
    "close 0",
  ]);
  assert.deepEqual(render(askForRoutes(CONTEXT, [aRequest({ endsWithNetwork: 1 })]).calls), [
    "socket 16 3",
    `sendto 0 ${"14000000" + "14000504" + "00".repeat(8) + "c9000000"}`,
    "recvfrom 0 [1024]",
    "close 0",
  ]);
});

Deno.test("askForIds() tells which ids namespaces have", () => {
  const { calls, read } = askForIds(CONTEXT, [1, 0]);
  assert.deepEqual(render(calls), [
    "socket 16 3",
    `sendto 0 ${"1c000000" + "5a000100" + "00".repeat(8) + "00000000" + "08000300c9000000"}`,
    "recvfrom 0 [1024]",
    `sendto 0 ${"1c000000" + "5a000100" + "00".repeat(8) + "00000000" + "08000300c8000000"}`,
    "recvfrom 0 [1024]",
    "close 0",
  ]);
  const told = { type: 88, header: new Uint8Array(4), attributes: new Map([[1, numberValue(7)]]) };
  outputOf(calls, 0).set(saved(0, [told]).subarray(4));
  answer(outputOf(calls, 1), 9);
  assert.deepEqual(read(), new Map([[1, 7], [0, -1]]));
  assert.deepEqual(askForIds(CONTEXT, []).calls, []);
});

Deno.test("fillNet() writes settings, then asks for the rest", () => {
  assert.deepEqual(render(fillNet(CONTEXT, FILL).calls), [
    'openat -100 "/proc/sys/net/unix/a"',
    "write 0 37",
    "close 0",
    "socket 16 3",
    `sendto 0 ${"14000000" + "14000504" + "00".repeat(8) + "01020304"}`,
    "recvfrom 0 [1024]",
    "close 0",
  ]);
});

Deno.test("askForRoutes() tells what was refused", async (t) => {
  const tolerant = [aRequest({ tolerated: ["EEXIST"] })];
  const rows: readonly (readonly [string, readonly RouteRequest[], errors: readonly number[], string | undefined])[] = [
    ["nothing", REQUESTS, [0, 0], undefined],
    ["the first request", REQUESTS, [1, 0], "EPERM"],
    ["the second request", REQUESTS, [0, 17], "EEXIST"],
    ["something else than what may be refused", tolerant, [1], "EPERM"],
    ["what may be refused", tolerant, [17], undefined],
  ];
  for (const [name, requests, errors, want] of rows) {
    await t.step(name, () => {
      const { calls, read } = askForRoutes(CONTEXT, requests);
      errors.forEach((error, index) => answer(outputOf(calls, index), error));
      if (want === undefined) read();
      else assert.throws(read, (error) => error instanceof SysError && error.code === want);
    });
  }
});

/** A part of a list: messages, and the end. */
function list(output: Uint8Array, messages: readonly RouteMessage[]): void {
  const end = { type: 3, header: new Uint8Array(4), attributes: new Map() };
  output.set(saved(0, [...messages, end]).subarray(4));
}

const TUNNEL = new Map([[4, Uint8Array.of(64)]]);

/** The loopback device, ends of pairs, the first one outside, the last one in another namespace; one of a kind that is not known, a tunnel. */
const LINKS: readonly RouteMessage[] = [
  { type: 16, header: linkOf(772, 1, 0x10049), attributes: new Map([[3, textValue("lo")], [4, numberValue(65536)]]) },
  {
    type: 16,
    header: linkOf(1, 2, 0x11043),
    attributes: new Map([
      ...[[1, Uint8Array.of(2, 0, 0, 0, 0, 2)], [3, textValue("eth0")], [4, numberValue(1500)]] as const,
      ...[[5, numberValue(9)], [37, numberValue(0)], [18, kindValue("veth")]] as const,
    ]),
  },
  {
    type: 16,
    header: linkOf(1, 3, 0),
    attributes: new Map([
      ...[[1, Uint8Array.of(2, 0, 0, 0, 0, 2)], [3, textValue("in0")], [4, numberValue(1500)]] as const,
      ...[[5, numberValue(4)], [10, numberValue(7)], [18, kindValue("veth")]] as const,
    ]),
  },
  { type: 16, header: linkOf(1, 5, 0), attributes: new Map([[3, textValue("x")], [18, kindValue("new")]]) },
  {
    type: 16,
    header: linkOf(1, 7, 0),
    attributes: new Map([
      ...[[1, Uint8Array.of(2, 0, 0, 0, 0, 2)], [3, textValue("in1")], [4, numberValue(1500)]] as const,
      ...[[5, numberValue(4)], [37, numberValue(1)], [18, kindValue("veth")]] as const,
    ]),
  },
  {
    type: 16,
    header: linkOf(776, 6, 0),
    attributes: new Map([[3, textValue("s")], [18, kindValue("sit", encodeAttributes(TUNNEL))]]),
  },
];

function linkOf(type: number, index: number, flags: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(type << 16, index, flags, 0).buffer);
}

function kindValue(kind: string, data?: Uint8Array): Uint8Array {
  return encodeAttributes(new Map([[1, textValue(kind)], ...data === undefined ? [] : [[2, data] as const]]));
}

Deno.test("observeNet() looks at devices, addresses, and routes of the main table", () => {
  const { calls, read } = observeNet(filesContext(), { ...FILL, ids: new Map([[2, 1]]) });
  const received = calls.map(renderCall).filter((call) => call.startsWith("recvfrom")).length;
  const told = { type: 88, header: new Uint8Array(4), attributes: new Map([[1, numberValue(7)]]) };
  outputOf(calls, received - 1).set(saved(0, [told]).subarray(4));
  const parts = received - 1;
  const main = aRoute([10, 0, 0, 0], 8, { 15: [254, 0, 0, 0] });
  const multicast = { ...main, header: Uint8Array.of(128, ...main.header.subarray(1)) };
  list(outputOf(calls, 0), LINKS);
  // Addresses and routes come in up to two parts each.
  const temporary = { ...LOCAL_ADDRESS_6, header: Uint8Array.of(10, 128, 1, 0, 1, 0, 0, 0) };
  list(outputOf(calls, parts - 4), [anAddress([10, 0, 0, 1], 8), temporary, LOCAL_ADDRESS]);
  list(outputOf(calls, parts - 2), [aRoute([127, 0, 0, 0], 8, { 15: [255, 0, 0, 0] }), main, multicast]);
  assert.deepEqual(read(), {
    devices: [
      LOOPBACK_DEVICE,
      VETH_DEVICE,
      { ...VETH_DEVICE, name: "in0", index: 3, flags: 0, master: 7, peer: 4 },
      { kind: "other", name: "x", index: 5, mtu: 0, flags: 0 },
      { ...VETH_DEVICE, name: "in1", index: 7, flags: 0, peer: 4, peerNet: 2 },
      { kind: "sit", name: "s", index: 6, mtu: 0, flags: 0, sit: TUNNEL },
    ],
    addresses: [anAddress([10, 0, 0, 1], 8), LOCAL_ADDRESS].map(describeAddress).sort(),
    routes: [describeRoute(main)],
    ids: new Map([[2, 7]]),
    sysctls: new Map([["net/unix/a", ""]]),
  });
});

Deno.test("observeNet() looks at rules for routes of IPv4 where these are not the usual ones", () => {
  const { calls, read } = observeNet(filesContext(), { ...FILL, rules: [] });
  const parts = calls.map(renderCall).filter((call) => call.startsWith("recvfrom")).length;
  const [local, main] = DEFAULT_RULES_TOLD;
  const rules = [main, aRule({ header: [10, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0] }), local].filter((rule) =>
    rule !== undefined
  );
  for (const at of [0, parts - 7, parts - 5]) list(outputOf(calls, at), []);
  list(outputOf(calls, parts - 3), rules);
  assert.deepEqual(read().rules, [main, local].map((rule) => rule && describeRule(rule)));
});

Deno.test("observeNet() tells of a list that does not end", () => {
  const { calls, read } = observeNet(filesContext(), FILL);
  const body = encodeRouteBody({ header: new Uint8Array(16), attributes: new Map() });
  outputOf(calls, 0).set([16 + body.length, 0, 0, 0, 16, 0]);
  assert.throws(read, /Cannot list the devices of the net namespace: EMSGSIZE/);
});

Deno.test("observeNets() looks at each namespace, and gets back into the first", () => {
  const [homes, entries] = [new Map([[7, 1]]), new Map([[7, 1]])];
  const namespaces = [{ handle: 0, witness: 1 }, { handle: 1, net: FILL, witness: 7 }];
  const context = { ...filesContext(), netNamespaces: [200, 201] };
  const enter = (fd: number) => `setns ${fd} ${0x4000_0000}`;
  const look = 'openat -100 "/proc/sys/net/unix/a" 0 = 0';
  const told = (plan: Parameters<typeof observeNets>[1]) => (
    observeNets(context, plan).calls.map(renderCall).filter((call) => call.startsWith("setns") || call === look)
  );
  assert.deepEqual(told({ net: FILL }), [look]);
  assert.deepEqual(told({ net: FILL, nestedNets: { namespaces, homes, entries } }), [
    look,
    enter(201),
    look,
    enter(200),
  ]);
  assert.deepEqual(told({ net: { kind: "leave" }, nestedNets: { namespaces, homes, entries } }), [
    enter(201),
    look,
    enter(200),
  ]);
});
