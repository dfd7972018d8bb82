/** What is known of a file of a cgroup that an image may name. */
export interface KnownProperty {
  /**
   * When it is written: `before` or `after` the tasks are in, or last of all (`freeze`). `members` (`tasks`,
   * `cgroup.procs`) and `subtree` (`cgroup.subtree_control`) have ways of their own; `never` are acts, not state.
   */
  readonly stage: "before" | "after" | "freeze" | "members" | "subtree" | "never";
  /** `lines`: each line of the value is one write(2); `whole`: all of it is. */
  readonly split: "whole" | "lines";
  /** Rank among the properties of one cgroup: some are checked against others (a period before its quota). */
  readonly order: number;
  /** Permissions of the file in a new cgroup, which root owns. */
  readonly mode: number;
  /** Whether a new cgroup has this value anyway, or one that limits nothing. */
  isDefault(value: string): boolean;
  /** Errnos of a write of the default value that mean that nothing is lost. */
  readonly tolerated: readonly string[];
}

type Default = readonly string[] | ((value: string) => boolean);

interface Row {
  readonly name: string;
  readonly stage: KnownProperty["stage"];
  readonly default: Default;
  readonly split?: "lines";
  readonly mode?: number;
  readonly tolerated?: readonly string[];
}

/** The kernel or its configuration lacks the file, or takes no such value there. */
const NOT_HERE = ["ENOENT", "EOPNOTSUPP", "EINVAL"];

/** v1 limits at their greatest: multiples of the page size, of 1 GiB for some of hugetlb (mm/hugetlb_cgroup.c). */
const UNLIMITED_FROM = 0x7fff_ffff_c000_0000n;

function isUnlimited(value: string): boolean {
  if (value === "max" || value === "-1") return true;
  return /^\d+$/.test(value) && BigInt(value) >= UNLIMITED_FROM;
}

function isAllMax(value: string): boolean {
  return value.split("\n").every((line) => line.trim().split(/\s+/).slice(1).every((word) => /(^|=)max$/.test(word)));
}

/** In the order in which they are written. Facts: CRIU's cgroup-props.c; kernel: admin-guide/cgroup-v1, cgroup-v2. */
const V1: readonly Row[] = [
  { name: "cgroup.procs", stage: "members", default: [""] },
  { name: "tasks", stage: "members", default: [""] },
  { name: "cgroup.clone_children", stage: "after", default: ["0"] },
  { name: "notify_on_release", stage: "after", default: ["0"] },
  { name: "release_agent", stage: "never", default: [""] },
  { name: "cgroup.event_control", stage: "never", default: [""], mode: 0o222 },
  { name: "memory.force_empty", stage: "never", default: [""], mode: 0o200 },
  { name: "memory.pressure_level", stage: "never", default: [""] },

  { name: "cpuset.cpus", stage: "before", default: [""] },
  { name: "cpuset.mems", stage: "before", default: [""] },
  { name: "cpuset.memory_migrate", stage: "after", default: ["0"] },
  { name: "cpuset.cpu_exclusive", stage: "after", default: ["0"] },
  { name: "cpuset.mem_exclusive", stage: "after", default: ["0"] },
  { name: "cpuset.mem_hardwall", stage: "after", default: ["0"] },
  { name: "cpuset.memory_spread_page", stage: "after", default: ["0"] },
  { name: "cpuset.memory_spread_slab", stage: "after", default: ["0"] },
  { name: "cpuset.sched_load_balance", stage: "after", default: ["1"] },
  { name: "cpuset.sched_relax_domain_level", stage: "after", default: ["-1"] },

  { name: "devices.list", stage: "before", default: ["a *:* rwm"], split: "lines", mode: 0o444 },
  { name: "devices.allow", stage: "never", default: [""], mode: 0o200 },
  { name: "devices.deny", stage: "never", default: [""], mode: 0o200 },

  { name: "memory.use_hierarchy", stage: "before", default: ["0", "1"] },
  { name: "memory.kmem.limit_in_bytes", stage: "before", default: isUnlimited },
  { name: "memory.swappiness", stage: "before", default: ["60"] },
  { name: "memory.oom_control", stage: "before", default: ["0"] },
  { name: "memory.limit_in_bytes", stage: "after", default: isUnlimited },
  { name: "memory.memsw.limit_in_bytes", stage: "after", default: isUnlimited },
  { name: "memory.soft_limit_in_bytes", stage: "after", default: isUnlimited },
  { name: "memory.kmem.tcp.limit_in_bytes", stage: "after", default: isUnlimited },
  { name: "memory.move_charge_at_immigrate", stage: "after", default: ["0"] },

  { name: "cpu.shares", stage: "after", default: ["1024"] },
  { name: "cpu.idle", stage: "after", default: ["0"] },
  { name: "cpu.cfs_period_us", stage: "after", default: ["100000"] },
  { name: "cpu.cfs_quota_us", stage: "after", default: ["-1"] },
  { name: "cpu.cfs_burst_us", stage: "after", default: ["0"] },
  { name: "cpu.rt_period_us", stage: "after", default: ["1000000"] },
  { name: "cpu.rt_runtime_us", stage: "after", default: ["0"] },
  { name: "cpu.uclamp.min", stage: "after", default: ["0", "0.00"] },
  { name: "cpu.uclamp.max", stage: "after", default: ["max"] },

  { name: "blkio.weight", stage: "after", default: ["500", "1000"] },
  { name: "blkio.leaf_weight", stage: "after", default: ["500", "1000"] },
  { name: "blkio.bfq.weight", stage: "after", default: ["100"] },
  { name: "blkio.weight_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.leaf_weight_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.bfq.weight_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.throttle.read_bps_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.throttle.write_bps_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.throttle.read_iops_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.throttle.write_iops_device", stage: "after", default: [""], split: "lines" },
  { name: "blkio.reset_stats", stage: "never", default: [""], mode: 0o200 },

  { name: "net_cls.classid", stage: "after", default: ["0"] },
  // Priorities of interfaces that this host lacks are passed over, as CRIU does.
  {
    name: "net_prio.ifpriomap",
    stage: "after",
    default: (value) => value.split("\n").every((line) => / 0$/.test(line) || line === ""),
    split: "lines",
    tolerated: ["EINVAL", "ENODEV"],
  },
  { name: "pids.max", stage: "after", default: ["max"] },
  { name: "hugetlb.*.limit_in_bytes", stage: "after", default: isUnlimited },
  { name: "hugetlb.*.rsvd.limit_in_bytes", stage: "after", default: isUnlimited },
  { name: "rdma.max", stage: "after", default: isAllMax, split: "lines" },
  { name: "misc.max", stage: "after", default: isAllMax, split: "lines" },
  { name: "freezer.state", stage: "freeze", default: ["THAWED", ""] },
];

const V2: readonly Row[] = [
  { name: "cgroup.procs", stage: "members", default: [""] },
  { name: "cgroup.threads", stage: "members", default: [""] },
  { name: "cgroup.kill", stage: "never", default: [""], mode: 0o200 },
  { name: "memory.reclaim", stage: "never", default: [""], mode: 0o200 },

  { name: "cgroup.type", stage: "before", default: ["domain", "domain threaded", "domain invalid"] },
  { name: "cgroup.subtree_control", stage: "subtree", default: [""] },
  { name: "cpuset.cpus", stage: "before", default: [""] },
  { name: "cpuset.mems", stage: "before", default: [""] },
  { name: "cpuset.cpus.exclusive", stage: "before", default: [""] },
  { name: "cpuset.cpus.partition", stage: "after", default: ["member"] },
  { name: "cgroup.max.descendants", stage: "after", default: ["max"] },
  { name: "cgroup.max.depth", stage: "after", default: ["max"] },
  { name: "cgroup.pressure", stage: "after", default: ["1"] },
  { name: "memory.min", stage: "after", default: ["0"] },
  { name: "memory.low", stage: "after", default: ["0"] },
  { name: "memory.high", stage: "after", default: ["max"] },
  { name: "memory.max", stage: "after", default: ["max"] },
  { name: "memory.swap.high", stage: "after", default: ["max"] },
  { name: "memory.swap.max", stage: "after", default: ["max"] },
  { name: "memory.zswap.max", stage: "after", default: ["max"] },
  { name: "memory.zswap.writeback", stage: "after", default: ["1"] },
  { name: "memory.oom.group", stage: "after", default: ["0"] },
  { name: "cpu.weight", stage: "after", default: ["100"] },
  { name: "cpu.idle", stage: "after", default: ["0"] },
  { name: "cpu.max", stage: "after", default: ["max 100000", "max"] },
  { name: "cpu.max.burst", stage: "after", default: ["0"] },
  { name: "cpu.uclamp.min", stage: "after", default: ["0", "0.00"] },
  { name: "cpu.uclamp.max", stage: "after", default: ["max"] },
  { name: "io.weight", stage: "after", default: ["default 100"], split: "lines" },
  { name: "io.bfq.weight", stage: "after", default: ["default 100", "100"], split: "lines" },
  { name: "io.max", stage: "after", default: [""], split: "lines" },
  { name: "io.latency", stage: "after", default: [""], split: "lines" },
  { name: "io.prio.class", stage: "after", default: ["no-change"] },
  { name: "pids.max", stage: "after", default: ["max"] },
  { name: "hugetlb.*.max", stage: "after", default: ["max"] },
  { name: "hugetlb.*.rsvd.max", stage: "after", default: ["max"] },
  { name: "rdma.max", stage: "after", default: isAllMax, split: "lines" },
  { name: "misc.max", stage: "after", default: isAllMax, split: "lines" },
  { name: "cgroup.freeze", stage: "freeze", default: ["0"] },
];

const TABLES: Readonly<Record<1 | 2, ReadonlyMap<string, KnownProperty>>> = { 1: buildTable(V1), 2: buildTable(V2) };

function buildTable(rows: readonly Row[]): Map<string, KnownProperty> {
  return new Map(rows.map((row, order) => {
    const { stage, split = "whole", mode = 0o644, tolerated = NOT_HERE, default: normal } = row;
    const isDefault = typeof normal === "function" ? normal : (value: string) => normal.includes(value);
    return [row.name, { stage, split, order, mode, isDefault, tolerated }];
  }));
}

/** Whether a value of the file `name` of a cgroup makes a difference to its tasks. */
export function isLimit(version: 1 | 2, name: string, value: string): boolean {
  const known = knownProperty(version, name);
  return known !== undefined && known.stage !== "never" && known.stage !== "members" && !known.isDefault(value);
}

/**
 * What is known of the file `name` of a cgroup, or `undefined`: only known files are ever written from an image.
 *
 * @param version of the cgroup hierarchy, as some names mean different things
 */
export function knownProperty(version: 1 | 2, name: string): KnownProperty | undefined {
  return TABLES[version].get(name.replace(/^hugetlb\.[^.]+\./, "hugetlb.*."));
}
