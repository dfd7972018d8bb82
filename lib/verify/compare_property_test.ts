import { equal } from "node:assert/strict";
import { compareProperty } from "./compare_property.ts";

const CASES: readonly [file: string, expected: string, actual: string, same: boolean][] = [
  ["cpu.shares", "2048", "2048", true],
  ["cpu.shares", "2048", "1024", false],
  ["memory.limit_in_bytes", "-1", "9223372036854771712", true],
  ["memory.limit_in_bytes", "134217728", "9223372036854771712", false],
  ["cgroup.subtree_control", "cpu memory", "memory pids cpu", true],
  ["cgroup.subtree_control", "cpu memory", "cpu", false],
  ["cgroup.subtree_control", "", "cpu", true],
  ["cpuset.cpus", "0,1,2", "0-2", true],
  ["cpuset.cpus", "0-1", "0", false],
  ["cpuset.mems", "0", "0\n", true],
  ["devices.list", "c 1:3 rwm\nb *:* m", "b *:* m\nc 1:3 rwm", true],
  ["devices.list", "c 1:3 rwm", "c 1:3 rw", false],
  ["memory.oom_control", "1", "oom_kill_disable 1\nunder_oom 0\noom_kill 0", true],
  ["memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 0", false],
  ["net_prio.ifpriomap", "lo 0\neth0 5", "lo 0\neth0 5\neth1 0", true],
  ["net_prio.ifpriomap", "gone0 0", "lo 0", true],
  ["net_prio.ifpriomap", "eth0 5", "eth0 0", false],
  ["freezer.state", "FROZEN", "FREEZING", true],
  ["freezer.state", "FROZEN", "THAWED", false],
];

Deno.test("compareProperty() knows what means the same", async (t) => {
  for (const [file, expected, actual, same] of CASES) {
    await t.step(`${file}: ${JSON.stringify(expected)} and ${JSON.stringify(actual)}`, () => {
      equal(compareProperty(file, expected, actual), same);
    });
  }
});
