import { deepEqual as assertEquals } from "node:assert/strict";
import { v2Host } from "../../tests/fakes/fake_hosts.ts";
import { FakeSys } from "../../tests/fakes/fake_sys.ts";
import { describeFileSystems, type DeviceMount, parseDeviceMounts } from "./describe_mounts.ts";

const ROWS: readonly [name: string, line: string, mounts: DeviceMount[]][] = [
  [
    "a whole file system",
    "25 1 254:0 / / rw,noatime - ext4 /dev/vda rw",
    [{ device: 254 * 2 ** 20, isWhole: true, mountPoint: "/" }],
  ],
  [
    "a part, at a path with a space",
    "30 25 8:17 /home /mnt/a\\040b rw shared:3 - ext4 /dev/sdb1 rw",
    [{ device: 8 * 2 ** 20 + 17, isWhole: false, mountPoint: "/mnt/a b" }],
  ],
  ["a line that is cut off", "25 1 254:0", []],
];

Deno.test("parseDeviceMounts() reads", async (t) => {
  for (const [name, line, mounts] of ROWS) {
    await t.step(name, () => assertEquals(parseDeviceMounts(`${line}\n`), mounts));
  }
});

Deno.test("describeFileSystems() finds where those are mounted that are asked for", () => {
  const found = describeFileSystems(new FakeSys(v2Host()), ["cgroup2", "debugfs"]);
  assertEquals([...found], [["cgroup2", "/sys/fs/cgroup"]]);
});
