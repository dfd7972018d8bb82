import { deepEqual } from "node:assert/strict";
import { type CgroupMount, parseCgroupMounts } from "./parse_cgroup_mounts.ts";

const MOUNT: CgroupMount = { version: 1, root: "/", mountPoint: "/c", readOnly: false, superOptions: ["cpu"] };

const ROWS: readonly [name: string, line: string, mounts: CgroupMount[]][] = [
  ["no optional fields", "30 20 0:20 / /c rw,relatime - cgroup cgroup rw,cpu", [MOUNT]],
  ["optional fields", "30 20 0:20 / /c rw shared:3 master:1 - cgroup cgroup rw,cpu", [MOUNT]],
  ["read-only mount", "30 20 0:20 / /c ro - cgroup cgroup rw,cpu", [{ ...MOUNT, readOnly: true }]],
  ["read-only superblock", "30 20 0:20 / /c rw - cgroup cgroup ro,cpu", [{ ...MOUNT, readOnly: true }]],
  ["escapes", "30 20 0:20 /a\\040b /c\\134d rw - cgroup cgroup rw,cpu", [{
    ...MOUNT,
    root: "/a b",
    mountPoint: "/c\\d",
  }]],
  ["v2", "30 20 0:20 / /c rw - cgroup2 none rw,nsdelegate,memory_recursiveprot", [{
    ...MOUNT,
    version: 2,
    superOptions: ["nsdelegate", "memory_recursiveprot"],
  }]],
  ["another file system", "30 20 0:20 / /c rw - tmpfs cgroup rw", []],
  ["another file system with a like name", "30 20 0:20 / /c rw - cgroupx none rw", []],
  ["cut off", "30 20 0:20 / /c rw - cgroup", []],
];

Deno.test("parseCgroupMounts() finds cgroup mounts", async (t) => {
  for (const [name, line, mounts] of ROWS) {
    await t.step(name, () => deepEqual(parseCgroupMounts(`${line}\n`), mounts));
  }
});
