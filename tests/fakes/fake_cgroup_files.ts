/** The files of cgroups in the fake kernel: their defaults, and what writing them does. */

import { S_IFREG } from "../../lib/sys/constants.ts";
import type { FakeCgroup, FakeHierarchy } from "./fake_cgroups.ts";
import { Errno, FakeNode } from "./fake_nodes.ts";
import type { FakeTask } from "./fake_tasks.ts";

/** How a file behaves. */
export interface FileKind {
  readonly mode: number;
  /** The value in a new cgroup. */
  readonly initial: (cgroup: FakeCgroup) => string;
  /** Where reading does not just tell the value. */
  readonly read?: (file: CgroupFile, reader: FakeTask) => string;
  /** Absent: read-only. */
  readonly write?: (file: CgroupFile, text: string, writer: FakeTask) => void;
  /** Whether only the root has it, or all but the root. */
  readonly only?: "root" | "below";
}

/** A file of a cgroup. */
export class CgroupFile extends FakeNode {
  value: string;
  override readonly hierarchy: FakeHierarchy;

  constructor(readonly cgroup: FakeCgroup, readonly name: string, readonly kind: FileKind) {
    super(cgroup.fileSystem, S_IFREG | kind.mode);
    this.hierarchy = cgroup.hierarchy;
    this.value = kind.initial(cgroup);
  }

  override read(reader: FakeTask): Uint8Array {
    if ((this.kind.mode & 0o444) === 0) throw new Errno("EINVAL");
    const text = this.kind.read?.(this, reader) ?? this.value;
    return new TextEncoder().encode(text === "" || text.endsWith("\n") ? text : `${text}\n`);
  }

  override write(data: Uint8Array, writer: FakeTask): number {
    if (this.kind.write === undefined) throw new Errno("EINVAL");
    if (data.length > 0) this.kind.write(this, new TextDecoder().decode(data).trim(), writer);
    return data.length;
  }
}

// ---- kinds

function readOnly(read: (file: CgroupFile, reader: FakeTask) => string, only?: "root" | "below"): FileKind {
  return { mode: 0o444, initial: () => "", read, ...only === undefined ? {} : { only } };
}

function text(initial: string, only?: "root" | "below"): FileKind {
  const write = (file: CgroupFile, value: string) => file.value = value;
  return { mode: 0o644, initial: () => initial, write, ...only === undefined ? {} : { only } };
}

/** Takes what matches. */
function checked(initial: string, pattern: RegExp, only?: "root" | "below"): FileKind {
  const write = (file: CgroupFile, value: string) => {
    if (!pattern.test(value)) throw new Errno("EINVAL");
    file.value = value;
  };
  return { ...text(initial, only), write };
}

const number = (initial: number, only?: "root" | "below") => checked(String(initial), /^-?\d+$/, only);
const flag = (initial = 0) => checked(String(initial), /^[01]$/);
/** v2: a number, or `max`. */
const limit = (initial: string) => checked(initial, /^(\d+|max)$/, "below");

/** v1's page counters: -1 is told as the greatest value, all others are whole pages. */
const UNLIMITED = "9223372036854771712";
const pages: FileKind = {
  ...text(UNLIMITED),
  write: (file, value) => {
    if (!/^(-1|\d+)$/.test(value)) throw new Errno("EINVAL");
    file.value = value === "-1" ? UNLIMITED : String(BigInt(value) / 4096n * 4096n);
  },
};

/** `cpuset.cpus` and `cpuset.mems` of v1: at most what the parent has, at least what the children have. */
function cpuset(all: string): FileKind {
  return {
    mode: 0o644,
    initial: (cgroup) => cgroup.parent === undefined ? all : "",
    write: (file, value) => {
      if (!/^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/.test(value)) throw new Errno("EINVAL");
      const numbers = numbersIn(value);
      const parent = file.cgroup.parent?.files.get(file.name)?.value;
      if (parent !== undefined && !isSubset(numbers, numbersIn(parent))) throw new Errno("EACCES");
      for (const child of file.cgroup.children.values()) {
        if (!isSubset(numbersIn(child.files.get(file.name)?.value ?? ""), numbers)) throw new Errno("EBUSY");
      }
      if (value === "" && file.cgroup.members.size > 0) throw new Errno("ENOSPC");
      file.value = value;
    },
  };
}

function numbersIn(list: string): Set<number> {
  const numbers = new Set<number>();
  for (const part of list.split(",").filter((part) => part !== "")) {
    const [first = 0, last = first] = part.split("-").map(Number);
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return numbers;
}

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  return [...part].every((n) => whole.has(n));
}

// ---- who is where

/** The ids of members as `reader` knows them; those that it cannot see are left out. */
function ids(tasks: Iterable<FakeTask>, reader: FakeTask): string {
  const numbers = [...tasks].map((task) => task.pid.numbers.get(reader.namespace)).filter((n) => n !== undefined);
  return [...new Set(numbers)].sort((a, b) => a - b).join("\n");
}

/** Whom a written number means: 0 is the writer. */
function addressed(text: string, writer: FakeTask): FakeTask {
  if (!/^\d+$/.test(text)) throw new Errno("EINVAL");
  const task = text === "0" ? writer : writer.namespace.tasks.get(Number(text));
  if (task === undefined) throw new Errno("ESRCH");
  return task;
}

const processes: FileKind = {
  mode: 0o644,
  initial: () => "",
  read: ({ cgroup }, reader) => ids([...cgroup.members].map((task) => task.leader), reader),
  write: ({ cgroup }, text, writer) => {
    const { leader } = addressed(text, writer);
    cgroup.checkEntry();
    if (leader.isAlive) cgroup.hierarchy.put(leader.threads, cgroup);
  },
};

const threads: FileKind = {
  mode: 0o644,
  initial: () => "",
  read: ({ cgroup }, reader) => ids(cgroup.members, reader),
  write: ({ cgroup }, text, writer) => {
    const task = addressed(text, writer);
    const { hierarchy } = cgroup;
    if (hierarchy.version === 2 && hierarchy.cgroupOf(task).domain !== cgroup.domain) throw new Errno("EOPNOTSUPP");
    cgroup.checkEntry();
    if (task.isAlive) hierarchy.put([task], cgroup);
  },
};

type Files = Readonly<Record<string, FileKind>>;

const COMMON_V1: Files = {
  "cgroup.procs": processes,
  "tasks": threads,
  "notify_on_release": flag(),
  "cgroup.clone_children": flag(),
  "release_agent": text("", "root"),
  "cgroup.sane_behavior": { ...readOnly(() => "0"), only: "root" },
};

const COMMON_V2: Files = {
  "cgroup.procs": processes,
  "cgroup.threads": threads,
  "cgroup.controllers": readOnly(({ cgroup }) => cgroup.controllers.join(" ")),
  "cgroup.subtree_control": {
    mode: 0o644,
    initial: () => "",
    read: ({ cgroup }) => cgroup.hierarchy.controllers.filter((name) => cgroup.enabled.has(name)).join(" "),
    write: ({ cgroup }, text) => cgroup.enable(text),
  },
  "cgroup.type": {
    ...text("", "below"),
    read: ({ cgroup }) => cgroup.type,
    write: ({ cgroup }, text) => {
      if (text !== "threaded") throw new Errno("EINVAL");
      if (cgroup.parent?.canBeThreadRoot !== true && cgroup.parent?.isThreaded !== true) throw new Errno("EOPNOTSUPP");
      cgroup.isThreaded = true;
    },
  },
  "cgroup.events": readOnly(
    ({ cgroup }) => `populated ${cgroup.isPopulated ? 1 : 0}\nfrozen ${cgroup.isFrozen ? 1 : 0}\n`,
    "below",
  ),
  "cgroup.freeze": checked("0", /^[01]$/, "below"),
  "cgroup.max.depth": checked("max", /^(\d+|max)$/),
  "cgroup.max.descendants": checked("max", /^(\d+|max)$/),
  "cpu.stat": readOnly(() => "usage_usec 0\nuser_usec 0\nsystem_usec 0\n"),
};

const EVERYTHING = "a *:* rwm";

/** `devices.allow` and `devices.deny`, as far as single entries and `a` go. */
function changeDevices(allow: boolean): FileKind {
  return {
    mode: 0o200,
    initial: () => "",
    write: ({ cgroup }, text) => {
      const list = cgroup.files.get("devices.list");
      if (list === undefined || !/^[abc]/.test(text)) throw new Errno("EINVAL");
      const lines = new Set(list.value.split("\n").filter((line) => line !== ""));
      if (text.startsWith("a")) lines.clear();
      if (text.startsWith("a") && allow) lines.add(EVERYTHING);
      else if (!text.startsWith("a") && allow && !lines.has(EVERYTHING)) lines.add(text);
      else if (!allow) lines.delete(text);
      list.value = [...lines].join("\n");
    },
  };
}

const V1: Readonly<Record<string, Files>> = {
  cpu: { "cpu.shares": number(1024), "cpu.cfs_period_us": number(100000), "cpu.cfs_quota_us": number(-1) },
  cpuacct: { "cpuacct.usage": number(0), "cpuacct.stat": readOnly(() => "user 0\nsystem 0\n") },
  cpuset: {
    "cpuset.cpus": cpuset("0-3"),
    "cpuset.mems": cpuset("0"),
    "cpuset.cpu_exclusive": flag(),
    "cpuset.mem_exclusive": flag(),
    "cpuset.mem_hardwall": flag(),
    "cpuset.memory_migrate": flag(),
    "cpuset.memory_spread_page": flag(),
    "cpuset.memory_spread_slab": flag(),
    "cpuset.sched_load_balance": flag(1),
    "cpuset.sched_relax_domain_level": number(-1),
  },
  memory: {
    "memory.limit_in_bytes": pages,
    "memory.soft_limit_in_bytes": pages,
    "memory.memsw.limit_in_bytes": pages,
    "memory.swappiness": number(60),
    "memory.use_hierarchy": flag(1),
    "memory.move_charge_at_immigrate": number(0),
    "memory.usage_in_bytes": readOnly(() => "0"),
    "memory.oom_control": {
      ...checked("0", /^[01]$/),
      read: ({ value }) => `oom_kill_disable ${value}\nunder_oom 0\noom_kill 0\n`,
    },
    "cgroup.event_control": { ...text(""), mode: 0o222 },
  },
  freezer: {
    "freezer.state": {
      ...checked("THAWED", /^(FROZEN|THAWED)$/, "below"),
      read: ({ cgroup }) => cgroup.isFrozen ? "FROZEN" : "THAWED",
    },
    "freezer.self_freezing": readOnly(
      ({ cgroup }) => cgroup.files.get("freezer.state")?.value === "FROZEN" ? "1" : "0",
      "below",
    ),
    "freezer.parent_freezing": readOnly(({ cgroup }) => cgroup.parent?.isFrozen ? "1" : "0", "below"),
  },
  pids: {
    "pids.max": checked("max", /^(\d+|max)$/, "below"),
    "pids.current": readOnly(({ cgroup }) => String(cgroup.countTasks())),
  },
  devices: {
    "devices.list": {
      mode: 0o444,
      initial: (cgroup) => cgroup.parent?.files.get("devices.list")?.value ?? EVERYTHING,
    },
    "devices.allow": changeDevices(true),
    "devices.deny": changeDevices(false),
  },
  blkio: { "blkio.weight": number(500), "blkio.leaf_weight": number(500) },
  net_cls: { "net_cls.classid": number(0) },
  net_prio: {
    "net_prio.prioidx": readOnly(() => "1"),
    "net_prio.ifpriomap": {
      ...text("lo 0\neth0 0\n"),
      write: (file, value) => {
        const match = /^(\S+) \d+$/.exec(value);
        const lines = file.value.trimEnd().split("\n");
        const index = lines.findIndex((line) => line.startsWith(`${match?.[1]} `));
        if (match === null || index < 0) throw new Errno("EINVAL");
        lines[index] = value;
        file.value = `${lines.join("\n")}\n`;
      },
    },
  },
  hugetlb: { "hugetlb.2MB.limit_in_bytes": pages },
};

const V2: Readonly<Record<string, Files>> = {
  cpu: {
    "cpu.weight": number(100, "below"),
    "cpu.max": {
      ...text("max 100000", "below"),
      write: (file, value) => {
        const match = /^(\d+|max)( \d+)?$/.exec(value);
        if (match === null) throw new Errno("EINVAL");
        file.value = match[2] === undefined ? `${match[1]} ${file.value.split(" ")[1]}` : value;
      },
    },
  },
  cpuset: {
    "cpuset.cpus": checked("", /^[\d,-]*$/, "below"),
    "cpuset.mems": checked("", /^[\d,-]*$/, "below"),
    "cpuset.cpus.effective": readOnly(() => "0-3"),
    "cpuset.mems.effective": readOnly(() => "0"),
    "cpuset.cpus.partition": text("member", "below"),
  },
  memory: {
    "memory.min": limit("0"),
    "memory.low": limit("0"),
    "memory.high": limit("max"),
    "memory.max": limit("max"),
    "memory.swap.max": limit("max"),
    "memory.oom.group": checked("0", /^[01]$/, "below"),
    "memory.current": readOnly(() => "0", "below"),
  },
  io: { "io.weight": checked("default 100", /^(default )?\d+$/, "below") },
  pids: { "pids.max": limit("max"), "pids.current": readOnly(({ cgroup }) => String(cgroup.countTasks()), "below") },
};

/** The files that a cgroup has, given its hierarchy and, for v2, what its parent has enabled. */
export function filesOf(cgroup: FakeCgroup): ReadonlyMap<string, FileKind> {
  const isV2 = cgroup.hierarchy.version === 2;
  const table = isV2 ? V2 : V1;
  const groups = [isV2 ? COMMON_V2 : COMMON_V1, ...cgroup.controllers.map((name) => table[name] ?? {})];
  const place = cgroup.parent === undefined ? "root" : "below";
  const files = groups.flatMap((group) => Object.entries(group));
  return new Map(files.filter(([, kind]) => kind.only === undefined || kind.only === place));
}
