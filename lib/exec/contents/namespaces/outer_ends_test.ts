import assert from "node:assert/strict";
import { saved } from "../../../../tests/support/net_contents.ts";
import { numberValue, type RouteMessage } from "../../../model/route_message.ts";
import type { Sys } from "../../../sys/sys.ts";
import { awaitGone, connectOuterEnd, makeFromOutside } from "./outer_ends.ts";

/** An answer that tells a device, or an errno. */
function aDevice(index: number, flags = 0, master?: number): RouteMessage {
  const header = new Uint8Array(Uint32Array.of(1 << 16, index, flags, 0).buffer);
  return { type: 16, header, attributes: new Map(master === undefined ? [] : [[10, numberValue(master)]]) };
}

function anError(errno: number): RouteMessage {
  return { type: 2, header: new Uint8Array(Int32Array.of(-errno, 0, 0, 0, 0).buffer), attributes: new Map() };
}

Deno.test("connectOuterEnd() connects, and sees whether that was done", async (t) => {
  const rows: { name: string; answers: readonly RouteMessage[]; want?: RegExp }[] = [
    { name: "it was", answers: [aDevice(7), anError(0), aDevice(9, 0x1043, 7)] },
    { name: "no bridge", answers: [anError(19)], want: /Cannot look at the device "br0": E19/ },
    { name: "refused", answers: [aDevice(7), anError(95)], want: /Cannot connect the device "out" to the .*: E95/ },
    { name: "down", answers: [aDevice(7), anError(0), aDevice(9, 0x1042, 7)], want: /it is no part of it/ },
    { name: "elsewhere", answers: [aDevice(7), anError(0), aDevice(9, 0x1043, 8)], want: /it is no part of it/ },
  ];
  for (const { name, answers, want } of rows) {
    await t.step(name, () => {
      const { sys, sent } = anAnsweringSys(answers);
      const connect = () => connectOuterEnd(sys, { inner: "eth0", name: "out", bridge: "br0" });
      if (want !== undefined) return assert.throws(connect, (error) => want.test(String(error)));
      connect();
      // Up, and a part of device 7.
      const body = `${"00".repeat(8)}0100000001000000080003006f75740008000a0007000000`;
      assert.ok(sent[1]?.endsWith(body), sent[1]);
    });
  }
});

const PAIR = {
  device: { kind: "veth", name: "eth0", index: 2, mtu: 1500, flags: 0 },
  outer: { inner: "eth0", name: "out" },
} as const;
const END: RouteMessage = { type: 3, header: new Uint8Array(4), attributes: new Map() };

Deno.test("makeFromOutside() takes another number when that of an end has been taken", () => {
  const { sys, sent } = anAnsweringSys([aDevice(7), END, anError(17), aDevice(8), END, aDevice(8), END, anError(0)]);
  makeFromOutside(sys, { pairs: [PAIR], children: [] }, "/proc/9/ns/net");
  const made = sent.filter((message) => message.startsWith("10000506", 8));
  assert.deepEqual(made.map((message) => message.slice(40, 48)), ["08000000", "09000000"]);
});

const CHILD = {
  device: { kind: "macvlan", name: "mv0", index: 5, mtu: 1400, flags: 0, macvlan: { mode: 4, flags: 1 } },
  parent: 7,
} as const;

Deno.test("makeFromOutside() makes macvlan devices of their parents, in the net namespace of the tasks", () => {
  const { sys, sent } = anAnsweringSys([anError(0)]);
  makeFromOutside(sys, { pairs: [], children: [CHILD] }, "/proc/9/ns/net");
  const header = "00000000" + "05000000" + "00".repeat(8);
  const info = "0c0001006d6163766c616e00" + "14000200" + "08000100" + "10000000" + "06000200" + "01000000";
  const attributes = [
    "080003006d763000",
    "0800040078050000",
    "0800050007000000",
    "08001c0005000000",
    `24001200${info}`,
  ];
  assert.deepEqual(sent.map((message) => message.slice(32)), [header + attributes.join("")]);
});

Deno.test("makeFromOutside() tells what was refused", async (t) => {
  const rows = [
    [
      "a pair",
      { pairs: [PAIR], children: [] },
      [aDevice(7), END, anError(17), aDevice(7), END],
      'veth device "eth0" with the other end "out"',
    ],
    ["a child", { pairs: [], children: [CHILD] }, [anError(17)], 'macvlan device "mv0"'],
  ] as const;
  for (const [name, devices, answers, want] of rows) {
    await t.step(name, () => {
      const { sys } = anAnsweringSys(answers);
      const make = () => makeFromOutside(sys, devices, "/proc/9/ns/net");
      assert.throws(make, (error) => String(error).includes(`Cannot make the ${want}: EEXIST`));
    });
  }
});

/** A kernel that gives these answers, and what it was asked. */
function anAnsweringSys(answers: readonly RouteMessage[]): { readonly sys: Sys; readonly sent: string[] } {
  const left = [...answers];
  const sent: string[] = [];
  const sys: Partial<Sys> = {
    ...{
      open: () => 5,
      netlinkSocket: () => 3,
      close: () => {},
      errnoName: (errno) => errno === 17 ? "EEXIST" : `E${errno}`,
    },
    write: (_fd, bytes) => {
      sent.push(bytes.toHex());
      return bytes.length;
    },
    read: (_fd, buffer) => {
      const answer = left.shift();
      assert.ok(answer);
      const bytes = saved(0, [answer]).subarray(4);
      buffer.set(bytes);
      return bytes.length;
    },
  };
  return { sys: sys as Sys, sent };
}

Deno.test("awaitGone() waits until devices are gone", () => {
  const lists = ["lo out", "lo out", "lo"];
  const naps: number[] = [];
  awaitGone(aSys(() => lists.shift() ?? "", naps), ["out", "other"]);
  assert.deepEqual(naps, [5, 5]);
});

Deno.test("awaitGone() does not wait for ever", () => {
  const naps: number[] = [];
  assert.throws(() => awaitGone(aSys(() => "out", naps), ["out"]), /ETIMEDOUT/);
  assert.equal(naps.length, 6000);
});

/** A kernel that lists devices. */
function aSys(names: () => string, naps: number[]): Sys {
  let text: Uint8Array | undefined;
  return {
    open: () => {
      text = new TextEncoder().encode(`\n\n${names().split(" ").map((name) => `  ${name}: 0 0\n`).join("")}`);
      return 3;
    },
    read: (_fd, buffer) => {
      buffer.set(text ?? new Uint8Array());
      const { length } = text ?? "";
      text = undefined;
      return length;
    },
    close: () => {},
    sleep: (ms) => void naps.push(ms),
  } as Partial<Sys> as Sys;
}
