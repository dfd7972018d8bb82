/** The fake kernel's `/proc`. To add a file, add a line to one of the tables. */

import { PROC_SUPER_MAGIC } from "../../lib/sys/constants.ts";
import type { DirectoryEntry } from "../../lib/sys/sys.ts";
import type { FakeKernel } from "./fake_kernel.ts";
import { NamespaceFile } from "./fake_mounts.ts";
import { type FakeNode, Link, MemoryDirectory, TextFile } from "./fake_nodes.ts";
import type { FakeTask } from "./fake_tasks.ts";

type Texts<T> = Readonly<Record<string, (from: T) => string>>;

/** Files of the whole machine. */
const MACHINE: Texts<FakeKernel> = {
  "cgroups": describeControllers,
  "filesystems": () => "nodev\tcgroup\nnodev\tcgroup2\nnodev\ttmpfs\n\text4\n",
  "sys/kernel/pid_max": ({ host }) => `${host.pidMax}\n`,
  "sys/fs/nr_open": () => "1048576\n",
  "sys/vm/max_map_count": () => "65530\n",
  "sys/fs/suid_dumpable": () => "0\n",
  "sys/kernel/osrelease": ({ host }) => `${host.kernel}\n`,
  "sys/kernel/ostype": () => "Linux\n",
  "sys/kernel/arch": ({ host }) => `${host.machine}\n`,
  "sys/kernel/ns_last_pid": () => "600\n",
  "sys/kernel/cap_last_cap": () => "40\n",
  "version": ({ host }) => `Linux version ${host.kernel}\n`,
};

/** Files that a thread has in `/proc/TID` and in `/proc/PID/task/TID`. */
const THREAD: Texts<{ readonly kernel: FakeKernel; readonly task: FakeTask }> = {
  stat: ({ task }) => describeStat(task),
  status: ({ kernel, task }) => describeStatus(kernel, task),
  cgroup: ({ kernel, task }) => describeCgroups(kernel, task),
  comm: ({ task }) => `${task.comm}\n`,
  maps: ({ task }) => task.leader.memory.describe(),
  mountinfo: ({ task }) => describeMounts(task),
  cmdline: ({ task }) => `${task.comm}\0`,
  limits: describeLimits,
  oom_score_adj: () => "0\n",
};

/** The root of proc. */
export class ProcDirectory extends MemoryDirectory {
  constructor(readonly kernel: FakeKernel) {
    super(PROC_SUPER_MAGIC, 0o555);
    for (const [path, describe] of Object.entries(MACHINE)) {
      this.put(path, new TextFile(PROC_SUPER_MAGIC, () => describe(kernel)));
    }
    this.put("self", new Link(PROC_SUPER_MAGIC, () => String(kernel.self.id)));
    this.put("thread-self", new Link(PROC_SUPER_MAGIC, () => `${kernel.self.id}/task/${kernel.self.id}`));
  }

  override child(name: string): FakeNode | undefined {
    const task = /^\d+$/.test(name) ? this.kernel.tasks.get(Number(name)) : undefined;
    return task === undefined ? super.child(name) : this.#taskDirectory(task, true);
  }

  override list(): DirectoryEntry[] {
    const leaders = [...this.kernel.tasks].filter(([, task]) => task.isLeader);
    return [...super.list(), ...leaders.map(([number]) => ({ name: String(number), isDirectory: true }))];
  }

  #taskDirectory(task: FakeTask, isProcess: boolean): MemoryDirectory {
    const directory = new MemoryDirectory(PROC_SUPER_MAGIC, 0o555);
    for (const [name, describe] of Object.entries(THREAD)) {
      directory.put(name, new TextFile(PROC_SUPER_MAGIC, () => describe({ kernel: this.kernel, task })));
    }
    directory.put("exe", new TextFile(PROC_SUPER_MAGIC, describeExecutable));
    directory.put("ns/mnt", new NamespaceFile(PROC_SUPER_MAGIC, task.mounts));
    if (!isProcess) return directory;
    directory.put("task", new MemoryDirectory(PROC_SUPER_MAGIC, 0o555));
    for (const thread of task.leader.threads) directory.put(`task/${thread.id}`, this.#taskDirectory(thread, false));
    for (const [fd, { file }] of task.descriptors) {
      directory.put(`fd/${fd}`, new Link(PROC_SUPER_MAGIC, () => file.path));
    }
    return directory;
  }
}

function describeControllers({ host, hierarchies }: FakeKernel): string {
  const rows = host.controllers.map((name) => {
    const hierarchy = [...hierarchies.values()].find((h) => h.version === 1 && h.controllers.includes(name)) ??
      hierarchies.get("");
    const count = hierarchy === undefined ? 1 : [...hierarchy.all()].length;
    return `${name}\t${hierarchy?.id ?? 0}\t${count}\t1\n`;
  });
  return `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${rows.join("")}`;
}

function describeCgroups({ hierarchies }: FakeKernel, task: FakeTask): string {
  const byId = [...hierarchies.values()].sort((a, b) => b.id - a.id);
  return byId.map((hierarchy) => `${hierarchy.id}:${hierarchy.name}:${hierarchy.cgroupOf(task).path}\n`).join("");
}

const STATES: Readonly<Record<FakeTask["state"], string>> = {
  running: "R",
  sleeping: "S",
  traced: "t",
  stopped: "T",
  zombie: "Z",
  gone: "X",
};

/** proc_pid_stat(5): 52 fields. */
function describeStat(task: FakeTask): string {
  const { leader } = task;
  const numbers = new Array<number>(49).fill(0);
  numbers[0] = leader.parent?.id ?? 0;
  numbers[1] = idOf(task, leader.group);
  numbers[2] = idOf(task, leader.session);
  numbers[4] = -1;
  numbers[16] = leader.threads.size;
  numbers[48] = task.status;
  return `${task.id} (${task.comm}) ${STATES[task.state]} ${numbers.join(" ")}\n`;
}

/** The beginning of an ELF executable for x86-64 (elf(5)). */
function describeExecutable(): Uint8Array {
  const header = new Uint8Array(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header[18] = 62;
  return header;
}

/** The number of a session or group in the first pid namespace. */
function idOf(task: FakeTask, pid: FakeTask["group"]): number {
  let { namespace } = task;
  while (namespace.parent !== undefined) namespace = namespace.parent;
  return pid.numbers.get(namespace) ?? 0;
}

function describeStatus({ host }: FakeKernel, task: FakeTask): string {
  const pids = [...task.pid.numbers.values()].join("\t");
  const capabilities = host.capabilities ?? "000001ffffffffff";
  const lines = [
    ["Name", task.comm],
    ["Umask", task.umask.toString(8).padStart(4, "0")],
    ["State", `${STATES[task.state]} (fake)`],
    ["Tgid", task.leader.id],
    ["Ngid", 0],
    ["Pid", task.id],
    ["PPid", task.leader.parent?.id ?? 0],
    ["TracerPid", task.tracer?.id ?? 0],
    ["Uid", "0\t0\t0\t0"],
    ["Gid", "0\t0\t0\t0"],
    ["Groups", "0 "],
    ["NStgid", [...task.leader.pid.numbers.values()].join("\t")],
    ["NSpid", pids],
    ["Threads", task.leader.threads.size],
    ["CapInh", "0000000000000000"],
    ["CapPrm", capabilities],
    ["CapEff", capabilities],
    ["CapBnd", capabilities],
    ["CapAmb", "0000000000000000"],
    ["NoNewPrivs", 0],
    ["Seccomp", 0],
  ];
  return lines.map(([name, value]) => `${name}:\t${value}\n`).join("");
}

const LIMITS = [
  ["Max cpu time", "seconds"],
  ["Max file size", "bytes"],
  ["Max data size", "bytes"],
  ["Max stack size", "bytes"],
  ["Max core file size", "bytes"],
  ["Max resident set", "bytes"],
  ["Max processes", "processes"],
  ["Max open files", "files"],
  ["Max locked memory", "bytes"],
  ["Max address space", "bytes"],
  ["Max file locks", "locks"],
  ["Max pending signals", "signals"],
  ["Max msgqueue size", "bytes"],
  ["Max nice priority", ""],
  ["Max realtime priority", ""],
  ["Max realtime timeout", "us"],
] as const;

/** proc_pid_limits(5): nothing is limited. */
function describeLimits(): string {
  const rows = [
    ["Limit", "Soft Limit", "Hard Limit", "Units"],
    ...LIMITS.map(([name, unit]) => [name, "unlimited", "unlimited", unit]),
  ];
  const widths = [25, 20, 20, 10];
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" ")}\n`).join("");
}

/** proc_pid_mountinfo(5). */
function describeMounts({ mounts }: FakeTask): string {
  return mounts.mounts.map(({ target, type, source, options, superOptions }, index) => (
    `${20 + index} ${index === 0 ? 1 : 20} 0:${20 + index} / ${target} ${options} shared:${index + 1} - ` +
    `${type} ${source} ${superOptions}\n`
  )).join("");
}
