import { deepEqual } from "node:assert/strict";
import { type Membership, parseProcCgroup } from "./parse_proc_cgroup.ts";
import { parseProcCgroups } from "./parse_proc_cgroups.ts";

const ROWS: readonly [line: string, found: Membership[]][] = [
  ["0::/", [{ hierarchy: "", path: "/" }]],
  ["2:cpu,cpuacct:/a/b", [{ hierarchy: "cpu,cpuacct", path: "/a/b" }]],
  ["9:name=systemd:/x:y", [{ hierarchy: "name=systemd", path: "/x:y" }]],
  ["0::/../other", [{ hierarchy: "", path: "/../other" }]],
  ["0::/gone (deleted)", [{ hierarchy: "", path: "/gone (deleted)" }]],
  ["", []],
  ["x:cpu:/", []],
];

Deno.test("parseProcCgroup() knows the forms of a line", async (t) => {
  for (const [line, found] of ROWS) await t.step(line, () => deepEqual(parseProcCgroup(`${line}\n`), found));
});

Deno.test("parseProcCgroups() leaves out the heading", () => {
  const text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t4\t1\nmemory\t0\t9\t0\n";
  deepEqual(parseProcCgroups(text), [
    { name: "cpu", hierarchyId: 2, enabled: true },
    { name: "memory", hierarchyId: 0, enabled: false },
  ]);
});
