import { deepEqual as assertEquals } from "node:assert/strict";
import { aNet, LOOPBACK_DEVICE } from "../../../../tests/support/net_contents.ts";
import { pathFile, plannerOf, problemsOf, REGULAR } from "../../../../tests/support/plan_files.ts";
import type { TunAttachment } from "../../../model/files/path_file.ts";
import type { TunDevice } from "../../../model/namespaces.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import { planFile } from "../plan_file.ts";

const TUN: TunDevice = { flags: 0x1001, owner: -1, group: -1, headerSize: 10, sendBuffer: 1000 };
const DEVICE = { kind: "tun", name: "tun0", index: 2, mtu: 1500, flags: 1, tun: TUN } as const;

function plan(attachment: Partial<TunAttachment> = {}, network?: number) {
  const tun = { device: "tun0", isDetached: false, ...attachment };
  const [net, other] = [DEVICE, { ...DEVICE, name: "tun1" }].map((device) => (
    aNet({ devices: [LOOPBACK_DEVICE, device] })
  ));
  const namespaces = { ...net && { net }, ...other && { nestedNets: [other] } };
  const path = "/dev/net/tun";
  const planner = plannerOf([pathFile({ path, flags: 2, tun, ...network === undefined ? {} : { network } })], {
    contents: { namespaces },
    host: { [path]: { ...REGULAR, mode: 0o020666 } },
  });
  const handle = planFile(planner, 1, "task 77, descriptor 5");
  return { planner, handle };
}

Deno.test("planTun() attaches what has been opened", () => {
  const { planner, handle } = plan({ isDetached: true });
  assertEquals(problemsOf(planner), []);
  assertEquals(planner.late.map(({ kind }) => kind), ["open-path", "attach-tun"]);
  const what = 'the tun device "tun0"';
  assertEquals(planner.late[1], { kind: "attach-tun", handle, what, device: "tun0", tun: TUN, isDetached: true });
  assertEquals(handle !== undefined && planner.expected.get(handle)?.lines, ["iff: tun0"]);
});

Deno.test("planTun() opens it in the net namespace that its device is in", () => {
  const { planner } = plan({ device: "tun1" }, 1);
  assertEquals(problemsOf(planner), []);
  assertEquals(planner.late.map(({ kind, network }) => [kind, network]), [["open-path", 1], ["attach-tun", undefined]]);
});

Deno.test("planTun() refuses devices that are not made", () => {
  assertEquals(problemsOf(plan({ device: "lo" }).planner), [
    'task 77, descriptor 5, the tun device "lo": the images do not have the device',
  ]);
  assertEquals(problemsOf(plan({ device: "tun1" }).planner), [
    'task 77, descriptor 5, the tun device "tun1": the images do not have the device',
  ]);
  assertEquals(problemsOf(plan({}, ELSEWHERE).planner), [
    'task 77, descriptor 5, the tun device "tun0": it is in a net namespace that none of the tasks is in',
  ]);
});
