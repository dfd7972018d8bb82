import assert from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import { anAddress, aRoute, LOCAL_ADDRESS, saved } from "../../../../tests/support/net_contents.ts";
import { SysError } from "../../../errors.ts";
import { describeAddress, describeRoute } from "../../../model/describe_route.ts";
import { encodeRouteBody, type RouteMessage } from "../../../model/route_message.ts";
import type { FillNet, RouteRequest } from "../../../plan/contents/namespaces/net_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { fillNet, observeNet } from "./net_contents.ts";

function aRequest(parts: Partial<RouteRequest> = {}): RouteRequest {
  return { attempt: "Cannot do it", type: 20, flags: 0x400, body: Uint8Array.of(1, 2, 3, 4), tolerated: [], ...parts };
}

const FILL: FillNet = {
  kind: "fill",
  setUp: aRequest({ type: 19, flags: 0 }),
  sysctls: [{ path: "net/unix/a", value: "7" }],
  requests: [aRequest({ tolerated: ["EEXIST"] })],
  ...{ loopback: { mtu: 1400, flags: 8 }, addresses: [], routes: [] },
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

Deno.test("fillNet() sets up the device, then writes settings, then asks for the rest", () => {
  const calls = fillNet({ ...filesContext(), errnoName: String }, FILL).calls.map(renderCall);
  assert.deepEqual(calls.map((call) => call.split(" ").slice(0, 3).join(" ")), [
    "socket 16 3",
    `sendto 0 ${"14000000" + "13000500" + "00".repeat(8) + "01020304"}`,
    "recvfrom 0 [1024]",
    "close 0",
    'openat -100 "/proc/sys/net/unix/a"',
    "write 0 37",
    "close 0",
    "socket 16 3",
    `sendto 0 ${"14000000" + "14000504" + "00".repeat(8) + "01020304"}`,
    "recvfrom 0 [1024]",
    "close 0",
  ]);
});

Deno.test("fillNet() tells what was refused", async (t) => {
  const rows: readonly (readonly [string, readonly [number, number], string | undefined])[] = [
    ["nothing", [0, 0], undefined],
    ["the first", [1, 0], "EPERM"],
    ["the second", [0, 1], "EPERM"],
    ["what may be refused", [0, 17], undefined],
  ];
  for (const [name, errors, want] of rows) {
    await t.step(name, () => {
      const { calls, read } = fillNet({ ...filesContext(), errnoName: (errno) => ERRNOS[errno] ?? "" }, FILL);
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

Deno.test("observeNet() looks at the device, addresses, and routes of the main table", () => {
  const { calls, read } = observeNet(filesContext(), FILL);
  const parts = calls.map(renderCall).filter((call) => call.startsWith("recvfrom")).length;
  const header = new Uint8Array(Uint32Array.of(0, 1, 8, 0).buffer);
  const link = { type: 16, header, attributes: new Map([[4, new Uint8Array(Uint32Array.of(1400).buffer)]]) };
  const main = aRoute([10, 0, 0, 0], 8, { 15: [254, 0, 0, 0] });
  const multicast = { ...main, header: Uint8Array.of(128, ...main.header.subarray(1)) };
  list(outputOf(calls, 0), [link]);
  // Addresses and routes come in up to two parts each.
  list(outputOf(calls, parts - 4), [anAddress([10, 0, 0, 1], 8), LOCAL_ADDRESS]);
  list(outputOf(calls, parts - 2), [aRoute([127, 0, 0, 0], 8, { 15: [255, 0, 0, 0] }), main, multicast]);
  assert.deepEqual(read(), {
    loopback: { mtu: 1400, flags: 8 },
    addresses: [anAddress([10, 0, 0, 1], 8), LOCAL_ADDRESS].map(describeAddress).sort(),
    routes: [describeRoute(main)],
  });
});

Deno.test("observeNet() tells of a list that does not end", () => {
  const { calls, read } = observeNet(filesContext(), FILL);
  const body = encodeRouteBody({ header: new Uint8Array(16), attributes: new Map() });
  outputOf(calls, 0).set([16 + body.length, 0, 0, 0, 16, 0]);
  assert.throws(read, /Cannot list the devices of the net namespace: EMSGSIZE/);
});
