import { deepEqual } from "node:assert/strict";
import { convertProperties } from "./convert_properties.ts";

type Values = Readonly<Record<string, string>>;

const ROWS: readonly (readonly [what: string, v1: Values, v2: Values, lost?: readonly string[]])[] = [
  ["what every cgroup has", {
    "cpu.shares": "1024",
    "cpu.cfs_period_us": "100000",
    "cpu.cfs_quota_us": "-1",
    "memory.limit_in_bytes": "9223372036854771712",
    "memory.soft_limit_in_bytes": "9223372036854771712",
    "memory.swappiness": "60",
    "pids.max": "max",
    "freezer.state": "THAWED",
    "devices.list": "a *:* rwm",
    "rdma.max": "mlx hca_handle=max hca_object=max",
    "cgroup.clone_children": "1",
    "notify_on_release": "1",
  }, {}],
  // Of opencontainers/cgroups and kernel documentation.
  ["the fewest shares", { "cpu.shares": "2" }, { "cpu.weight": "1" }],
  ["few shares", { "cpu.shares": "100" }, { "cpu.weight": "17" }],
  ["half the normal shares", { "cpu.shares": "512" }, { "cpu.weight": "59" }],
  ["twice the normal shares", { "cpu.shares": "2048" }, { "cpu.weight": "174" }],
  ["many shares", { "cpu.shares": "10240" }, { "cpu.weight": "639" }],
  ["the most shares", { "cpu.shares": "262144" }, { "cpu.weight": "10000" }],
  ["shares of who is idle", { "cpu.shares": "2048", "cpu.idle": "1" }, { "cpu.idle": "1" }],
  ["a quota", { "cpu.cfs_quota_us": "50000" }, { "cpu.max": "50000 100000" }],
  [
    "a quota of another period, and bursts",
    { "cpu.cfs_quota_us": "5000", "cpu.cfs_period_us": "20000", "cpu.cfs_burst_us": "1000" },
    { "cpu.max": "5000 20000", "cpu.max.burst": "1000" },
  ],
  ["a period alone", { "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "20000" }, {}],
  ["memory", { "memory.limit_in_bytes": "1048576" }, { "memory.max": "1048576" }],
  [
    "memory and swap",
    { "memory.limit_in_bytes": "1048576", "memory.memsw.limit_in_bytes": "3145728" },
    { "memory.max": "1048576", "memory.swap.max": "2097152" },
  ],
  [
    "no swap",
    { "memory.limit_in_bytes": "1048576", "memory.memsw.limit_in_bytes": "1048576" },
    { "memory.max": "1048576", "memory.swap.max": "0" },
  ],
  ["a soft limit", { "memory.soft_limit_in_bytes": "4096" }, { "memory.low": "4096" }],
  ["weights of devices", {
    "blkio.weight": "500",
    "blkio.weight_device": "8:0 10\n8:16 1000",
    "blkio.bfq.weight": "200",
  }, { "io.weight": "8:0 1\n8:16 10000", "io.bfq.weight": "default 200" }],
  ["another weight", { "blkio.weight": "505" }, { "io.weight": "default 5000" }],
  ["limits of devices", {
    "blkio.throttle.read_bps_device": "8:0 1000\n8:16 2000",
    "blkio.throttle.write_iops_device": "8:0 7",
  }, { "io.max": "8:0 rbps=1000 wbps=max riops=max wiops=7\n8:16 rbps=2000 wbps=max riops=max wiops=max" }],
  ["a cgroup that is frozen", { "freezer.state": "FROZEN" }, { "cgroup.freeze": "1" }],
  ["what is the same", {
    "pids.max": "7",
    "cpuset.cpus": "0-1",
    "hugetlb.2MB.limit_in_bytes": "4194304",
    "hugetlb.2MB.rsvd.limit_in_bytes": "2097152",
    "misc.max": "res 5",
  }, {
    "pids.max": "7",
    "cpuset.cpus": "0-1",
    "hugetlb.2MB.max": "4194304",
    "hugetlb.2MB.rsvd.max": "2097152",
    "misc.max": "res 5",
  }],
  [
    "what v2 does not have",
    {
      "cpu.rt_runtime_us": "1000",
      "memory.swappiness": "10",
      "memory.oom_control": "1",
      "memory.memsw.limit_in_bytes": "4096",
      "cpuset.cpu_exclusive": "1",
      "net_cls.classid": "7",
    },
    {},
    ["cpu.rt_runtime_us", "memory.swappiness", "memory.oom_control", "memory.memsw.limit_in_bytes"]
      .concat("cpuset.cpu_exclusive", "net_cls.classid"),
  ],
];

Deno.test("convertProperties() finds what v2 has for a limit", async (t) => {
  for (const [what, v1, v2, lost = []] of ROWS) {
    await t.step(what, () => {
      const found = convertProperties(Object.entries(v1).map(([name, value]) => ({ name, value })));
      deepEqual(Object.fromEntries(found.properties.map(({ name, value }) => [name, value])), v2);
      deepEqual(found.lost.map(({ name }) => name), lost);
    });
  }
});

Deno.test("convertProperties() keeps who may write a limit, and move tasks", () => {
  const permissions = { mode: 0o664, uid: 7, gid: 8 };
  const { properties } = convertProperties([
    { name: "cgroup.procs", value: "", permissions },
    { name: "memory.limit_in_bytes", value: "4096", permissions },
  ]);
  deepEqual(properties, [
    { name: "memory.max", value: "4096", permissions },
    { name: "cgroup.procs", value: "", permissions },
  ]);
});
