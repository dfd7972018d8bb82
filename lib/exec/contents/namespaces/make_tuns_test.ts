import assert from "node:assert/strict";
import { filesContext, renderCall } from "../../../../tests/support/compiled_calls.ts";
import { LOOPBACK_DEVICE } from "../../../../tests/support/net_contents.ts";
import type { NetDevice, TunDevice } from "../../../model/namespaces.ts";
import { attachTun } from "../files/attach_tun.ts";
import { makeTuns } from "./make_tuns.ts";

const TUN: TunDevice = { flags: 0x1801, owner: -1, group: -1, headerSize: 10, sendBuffer: 0x1234 };
/** `struct ifreq` with the flags that follow the name. */
const NAMED = "74756e37" + "00".repeat(12);

function make(tun: Partial<TunDevice>): string[] {
  const device: NetDevice = { kind: "tun", name: "tun7", index: 5, mtu: 1500, flags: 1, tun: { ...TUN, ...tun } };
  return makeTuns(filesContext(), [LOOPBACK_DEVICE, device]).map(renderCall);
}

function attach(flags: number, isDetached: boolean): string[] {
  const tun = { ...TUN, flags };
  const step = { kind: "attach-tun", handle: 2, what: "a device", device: "tun7", tun, isDetached } as const;
  return attachTun(filesContext(), step).map(renderCall);
}

Deno.test("makeTuns() makes a device that stays, with its number and its owner", () => {
  assert.deepEqual(make({ owner: 1000 }), [
    'openat -100 "/dev/net/tun" 524290 0 = 0',
    `ioctl 0 ${0x400454da} 05000000`,
    `ioctl 0 ${0x400454ca} ${NAMED}0118${"00".repeat(22)}`,
    `ioctl 0 ${0x400454cc} 1000`,
    `ioctl 0 ${0x400454d8} 0a000000`,
    `ioctl 0 ${0x400454cb} 1`,
    "close 0",
  ]);
});

Deno.test("makeTuns() sets no owner that there is not", () => {
  const requests = make({ group: 0 }).flatMap((call) => call.startsWith("ioctl") ? [Number(call.split(" ")[2])] : []);
  assert.deepEqual(requests, [0x400454da, 0x400454ca, 0x400454ce, 0x400454d8, 0x400454cb]);
});

Deno.test("attachTun() lets devices end with their users", async (t) => {
  const choose = (flags: string) => `ioctl 103 ${0x400454ca} ${NAMED}${flags}${"00".repeat(22)}`;
  const size = `ioctl 103 ${0x400454d4} 34120000`;
  const detach = `ioctl 103 ${0x400454d9} ${"00".repeat(16)}0004${"00".repeat(22)}`;
  const end = `ioctl 103 ${0x400454cb} 0`;
  const rows: readonly [name: string, flags: number, isDetached: boolean, want: readonly string[]][] = [
    ["one that stays", 0x1801, false, [choose("0118"), size]],
    ["one that does not", 0x1001, false, [choose("0110"), size, end]],
    ["a queue that is detached", 0x1902, true, [choose("0219"), size, detach]],
  ];
  for (const [name, flags, isDetached, want] of rows) {
    await t.step(name, () => assert.deepEqual(attach(flags, isDetached), want));
  }
});
