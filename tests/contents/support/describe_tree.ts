/** What /proc says of a tree of tasks, as text that can be compared: what is different by nature is left out. */

import { SysError } from "../../../lib/errors.ts";
import { type ListedMount, parseMounts } from "../../../lib/host/parse_mounts.ts";
import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";

/** Deno does not read links that are not UTF-8. */
const sys = openLinuxSys();

/** By what it is about: `"77 fd 3"`, `"77 map 400000-401000"`, `"78/79 status SigBlk"`. */
export type TreeDescription = ReadonlyMap<string, string>;

/** Describes the task `root` and its descendants. */
export function describeTree(root: number): TreeDescription {
  const description = new Map<string, string>();
  const numbers = new InodeNumbers();
  for (const pid of listTree(root)) describeTask({ pid, description, numbers });
  return description;
}

/** A task and its descendants, parents first, siblings by ascending pid. */
export function listTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    children.set(parent, [...children.get(parent) ?? [], Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []).sort((a, b) => a - b));
  return tree;
}

/** The tids of a task, its own among them. */
export function listThreads(pid: number): number[] {
  return namesIn(`/proc/${pid}/task`).map(Number);
}

/** The parent of a task; 0 when the task has gone. */
export function parentOf(pid: number): number {
  return Number(statOf(pid)[1] ?? 0);
}

interface Context {
  readonly pid: number;
  readonly description: Map<string, string>;
  readonly numbers: InodeNumbers;
}

/** What has an inode that the kernel numbers by itself. */
const NUMBERED = /\b(pipe|socket|cgroup|ipc|mnt|net|pid|time|user|uts):\[(\d+)\]/g;

/** Inodes that the kernel numbers by itself get the order in which they are met for a name. */
class InodeNumbers {
  readonly #known = new Map<string, number>();

  rename(text: string): string {
    return text.replace(NUMBERED, (_, kind: string, inode: string) => {
      const number = this.#known.get(inode) ?? this.#known.size;
      this.#known.set(inode, number);
      return `${kind}:[#${number}]`;
    });
  }
}

function describeTask(context: Context): void {
  const { pid, description } = context;
  const put = (key: string, value: string | undefined) => {
    if (value !== undefined) description.set(`${pid} ${key}`, value);
  };
  describeStat(pid, put);
  if (statOf(pid)[0] === "Z") return;
  describeStatus(`/proc/${pid}/status`, put);
  for (const file of ["cmdline", "environ", "comm", "oom_score_adj", "personality", "limits", "coredump_filter"]) {
    put(file, read(`/proc/${pid}/${file}`));
  }
  put("loginuid", read(`/proc/${pid}/loginuid`));
  put("timerslack", read(`/proc/${pid}/timerslack_ns`));
  put("attr", read(`/proc/${pid}/attr/current`));
  put("timers", read(`/proc/${pid}/timers`));
  put("cgroup", read(`/proc/${pid}/cgroup`));
  put("auxv", hex(`/proc/${pid}/auxv`));
  for (const link of ["exe", "cwd", "root"]) put(link, readLink(`/proc/${pid}/${link}`));
  for (const kind of NAMESPACES) put(`ns ${kind}`, describeNamespace(pid, kind));
  describeMounts(pid, put);
  describeMaps(pid, put);
  describeDescriptors(context, put);
  for (const tid of namesIn(`/proc/${pid}/task`)) {
    if (Number(tid) === pid) continue;
    const putThread = (key: string, value: string | undefined) => {
      if (value !== undefined) description.set(`${pid}/${tid} ${key}`, value);
    };
    describeStatus(`/proc/${pid}/task/${tid}/status`, putThread);
    putThread("comm", read(`/proc/${pid}/task/${tid}/comm`));
    putThread("scheduling", schedulingOf(read(`/proc/${pid}/task/${tid}/stat`) ?? ""));
    putThread("attr", read(`/proc/${pid}/task/${tid}/attr/current`));
  }
}

/** Those that tasks may share with us. CRIU gives every task a time namespace that is not ours. */
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

function describeNamespace(pid: number, kind: string): string {
  return readLink(`/proc/${pid}/ns/${kind}`) === readLink(`/proc/self/ns/${kind}`) ? "ours" : "its own";
}

type Put = (key: string, value: string | undefined) => void;

/** Fields of /proc/PID/stat behind the name, by their number in proc_pid_stat(5). */
const STAT_FIELDS: Readonly<Record<string, number>> = {
  parent: 4,
  group: 5,
  session: 6,
  terminal: 7,
  "terminal group": 8,
  threads: 20,
  "start of code": 26,
  "end of code": 27,
  "start of stack": 28,
  "exit signal": 38,
  "start of data": 45,
  "end of data": 46,
  brk: 47,
  "start of arguments": 48,
  "end of arguments": 49,
  "start of environment": 50,
  "end of environment": 51,
  "exit status": 52,
};

function describeStat(pid: number, put: Put): void {
  const text = read(`/proc/${pid}/stat`) ?? "";
  const fields = fieldsOf(text);
  for (const [name, number] of Object.entries(STAT_FIELDS)) put(`stat ${name}`, fields[number - 3]);
  put("scheduling", schedulingOf(text));
  put("state", { Z: "zombie", T: "stopped", t: "traced" }[fields[0] ?? ""] ?? "alive");
}

/** Priority, nice value, real-time priority and policy. */
function schedulingOf(stat: string): string {
  const fields = fieldsOf(stat);
  return [18, 19, 40, 41].map((number) => fields[number - 3]).join(" ");
}

function statOf(pid: number): string[] {
  return fieldsOf(read(`/proc/${pid}/stat`) ?? "");
}

function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).trim().split(" ");
}

const STATUS_LINES = [
  ...["Umask", "Uid", "Gid", "Groups", "NStgid", "NSpid", "NSpgid", "NSsid", "VmSize", "VmLck", "VmData", "VmStk"],
  ...["VmExe", "VmLib", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff"],
  ...["CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "THP_enabled", "untag_mask", "Cpus_allowed"],
  ...["Mems_allowed", "x86_Thread_features"],
];

function describeStatus(file: string, put: Put): void {
  const lines = new Map((read(file) ?? "").split("\n").map((line) => [line.slice(0, line.indexOf(":")), line]));
  for (const name of STATUS_LINES) put(`status ${name}`, lines.get(name)?.slice(name.length + 1).trim());
}

/** Soft-dirty bits are CRIU's own business; before Linux 5.15, only execve(2) can say that a file is not to be written. */
const IGNORED_VM_FLAGS = new Set(["sd", "dw"]);

/** Mounts of the task's own, by mount point; those that cover each other one behind the other. */
function describeMounts(pid: number, put: Put): void {
  if (readLink(`/proc/${pid}/ns/mnt`) === readLink("/proc/self/ns/mnt")) return;
  const mounts = parseMounts(read(`/proc/${pid}/mountinfo`) ?? "");
  const groups = new Map<number | undefined, number>();
  const nameOf = (group: number | undefined) => {
    if (group !== undefined && !groups.has(group)) groups.set(group, groups.size);
    return groups.get(group);
  };
  const parents = new Map(mounts.map((mount) => [mount, mounts.find(({ id }) => id === mount.parent)]));
  const depth = (mount: ListedMount | undefined): number => mount === undefined ? 0 : 1 + depth(parents.get(mount));
  const sorted = mounts.toSorted((a, b) => (
    a.mountPoint < b.mountPoint ? -1 : a.mountPoint > b.mountPoint ? 1 : depth(a) - depth(b)
  ));
  put(
    "mounts",
    JSON.stringify(sorted.map((listed) => {
      const { id: _, parent: __, peers, master, ...mount } = listed;
      return { ...mount, on: parents.get(listed)?.mountPoint, peers: nameOf(peers), master: nameOf(master) };
    })),
  );
}

function describeMaps(pid: number, put: Put): void {
  let key = "";
  let line = "";
  for (const text of (read(`/proc/${pid}/smaps`) ?? "").split("\n")) {
    const match = /^([0-9a-f]+-[0-9a-f]+) (\S+) (\S+) (\S+) (\d+)\s*(.*)$/s.exec(text);
    if (match !== null) {
      const [, range, protection, offset, , , name] = match;
      key = `map ${range}`;
      line = `${protection} ${offset} ${name}`;
    } else if (text.startsWith("VmFlags:")) {
      const flags = text.slice(8).trim().split(" ").filter((flag) => !IGNORED_VM_FLAGS.has(flag));
      put(key, `${line} ${flags.join(" ")}`);
    }
  }
}

function describeDescriptors({ pid, numbers }: Context, put: Put): void {
  const locks: string[] = [];
  for (const fd of namesIn(`/proc/${pid}/fd`).map(Number).sort((a, b) => a - b)) {
    const link = readLink(`/proc/${pid}/fd/${fd}`) ?? "";
    const info = read(`/proc/${pid}/fdinfo/${fd}`) ?? "";
    const lines = sortWatches(info.trimEnd().split("\n").flatMap(describeInfoLine));
    for (const line of info.split("\n")) if (line.startsWith("lock:")) locks.push(`${fd} ${describeLock(line)}`);
    put(`fd ${fd}`, [numbers.rename(link), ...lines, ...describeSocket(pid, link)].join("; "));
  }
  if (locks.length > 0) put("locks", locks.sort().join("\n"));
}

/** The kernel tells the watches of an epoll instance in no order that would mean something. */
function sortWatches(lines: readonly string[]): string[] {
  const isWatch = (line: string) => line.startsWith("tfd: ");
  return [...lines.filter((line) => !isWatch(line)), ...lines.filter(isWatch).sort()];
}

/** Lines of fdinfo without what the kernel numbers by itself, and without how much of a timer is left. */
function describeInfoLine(line: string): string[] {
  if (/^(mnt_id|ino|eventfd-id|lock|scm_fds)\b/.test(line)) return [];
  if (line.startsWith("it_value:")) return [`it_value: ${/\(0, 0\)/.test(line) ? "none" : "some"}`];
  return [line.replace(/\s+/g, " ").replace(/ ino:\S+ sdev:\S+| fhandle-.*$/g, "")];
}

function describeLock(line: string): string {
  // "lock: 1: POSIX  ADVISORY  WRITE 1234 08:01:77 0 EOF"
  return line.replace(/^lock:\s*\d+:\s*/, "").replace(/\s+/g, " ").replace(/[0-9a-f]+:[0-9a-f]+:\d+/, "FILE");
}

/** Files of /proc/PID/net with a line for each socket, and the columns that are kept; the inode's column is the first. */
const SOCKETS: Readonly<Record<string, readonly [inode: number, ...kept: number[]]>> = {
  unix: [6, 3, 4, 5, 7],
  tcp: [9, 1, 2, 3],
  tcp6: [9, 1, 2, 3],
  udp: [9, 1, 2, 3],
  udp6: [9, 1, 2, 3],
  udplite: [9, 1, 2, 3],
  raw: [9, 1, 2, 3],
  raw6: [9, 1, 2, 3],
  netlink: [9, 1, 2, 3],
  packet: [8, 2, 3, 4, 5],
};

function describeSocket(pid: number, link: string): string[] {
  const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
  if (inode === undefined) return [];
  return Object.entries(SOCKETS).flatMap(([file, [column, ...kept]]) => {
    const lines = (read(`/proc/${pid}/net/${file}`) ?? "").split("\n").slice(1);
    const words = lines.map((line) => line.trim().split(/\s+/)).find((line) => line[column] === inode);
    return words === undefined ? [] : [`${file} ${kept.map((number) => words[number] ?? "").join(" ")}`];
  });
}

function read(path: string): string | undefined {
  return readIfThere(() => Deno.readTextFileSync(path));
}

function hex(path: string): string | undefined {
  return readIfThere(() => Deno.readFileSync(path).toHex());
}

function readLink(path: string): string | undefined {
  return readIfThere(() => sys.readLink(path));
}

function namesIn(path: string): string[] {
  return readIfThere(() => [...Deno.readDirSync(path)].map(({ name }) => name)) ?? [];
}

/** Files may be missing in this kernel, or with their task. */
function readIfThere<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof SysError && ["ENOENT", "ESRCH", "EINVAL"].includes(error.code)) return undefined;
    if (error instanceof Deno.errors.NotFound || /ESRCH|EINVAL|os error (3|22)/.test(String(error))) return undefined;
    throw error;
  }
}

/** What differs between two descriptions, by what it is about. */
export function compareTrees(before: TreeDescription, after: TreeDescription): Map<string, string> {
  const differences = new Map<string, string>();
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key), after.get(key)];
    if (was !== is) differences.set(key, `was ${JSON.stringify(was)}\n     is ${JSON.stringify(is)}`);
  }
  return differences;
}
