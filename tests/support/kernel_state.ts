import { exists } from "./exists.ts";
/** What the kernel says about tasks, cgroups and mounts, for tests that compare it before and after. */

/** A task as `/proc` shows it. */
export interface TaskState {
  readonly pid: number;
  readonly comm: string;
  readonly state: "alive" | "stopped" | "zombie";
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** wait(2) status word of a zombie; 0 otherwise. */
  readonly exitStatus: number;
  /** With the leader, by ascending tid; none for a zombie. */
  readonly threads: readonly ThreadState[];
}

export interface ThreadState {
  readonly tid: number;
  readonly comm: string;
  /** Lines of `/proc/PID/task/TID/cgroup` as `HIERARCHY:PATH`, sorted. */
  readonly cgroups: readonly string[];
}

/** Reads the state of `pids`; lines of hierarchies that `isOurs` refuses are left out. Throws when one is gone. */
export function describeTasks(pids: readonly number[], isOurs: (hierarchy: string) => boolean): TaskState[] {
  return pids.map((pid) => describeTask(pid, isOurs));
}

function describeTask(pid: number, isOurs: (hierarchy: string) => boolean): TaskState {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const end = text.lastIndexOf(")");
  // proc_pid_stat(5): field 3 is the first after the name.
  const fields = text.slice(end + 2).trim().split(" ");
  const state = stateOf(fields[0]!);
  const number = (field: number) => Number(fields[field - 3]);
  return {
    pid,
    comm: text.slice(text.indexOf("(") + 1, end),
    state,
    parent: number(4),
    group: number(5),
    session: number(6),
    exitStatus: state === "zombie" ? number(52) : 0,
    threads: state === "zombie" ? [] : describeThreads(pid, isOurs),
  };
}

function stateOf(letter: string): TaskState["state"] {
  if (letter === "Z") return "zombie";
  return letter === "T" ? "stopped" : "alive";
}

function describeThreads(pid: number, isOurs: (hierarchy: string) => boolean): ThreadState[] {
  const tids = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => Number(name)).sort((a, b) => a - b);
  return tids.map((tid) => ({
    tid,
    comm: Deno.readTextFileSync(`/proc/${pid}/task/${tid}/comm`).trimEnd(),
    cgroups: describePlace(`/proc/${pid}/task/${tid}/cgroup`, isOurs),
  }));
}

/** The lines of one `/proc/…/cgroup` file as `HIERARCHY:PATH`, sorted. */
export function describePlace(file: string, isOurs: (hierarchy: string) => boolean = () => true): string[] {
  const lines = Deno.readTextFileSync(file).trimEnd().split("\n").map((line) => line.replace(/^\d+:/, ""));
  return lines.filter((line) => isOurs(line.slice(0, line.indexOf(":")))).sort();
}

/** A hierarchy and where it is mounted. */
export interface MountedHierarchy {
  /** As in `/proc/PID/cgroup`; `""` for v2. */
  readonly name: string;
  readonly mountPoint: string;
}

/** Every hierarchy of this host that is mounted whole, once each. */
export function describeHierarchies(): MountedHierarchy[] {
  const byName = new Map<string, MountedHierarchy>();
  for (const { root, mountPoint, type, options } of describeMounts()) {
    if (root !== "/" || (type !== "cgroup" && type !== "cgroup2")) continue;
    const name = type === "cgroup2" ? "" : nameOf(options.split(","));
    if (name !== undefined && !byName.has(name)) byName.set(name, { name, mountPoint });
  }
  return [...byName.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

function nameOf(options: readonly string[]): string | undefined {
  const names = describePlace("/proc/self/cgroup").map((line) => line.slice(0, line.indexOf(":")));
  return names.find((name) => name !== "" && name.split(",").every((part) => options.includes(part)));
}

/** One line of mountinfo. */
export interface MountState {
  readonly root: string;
  readonly mountPoint: string;
  readonly mountOptions: string;
  readonly type: string;
  /** Of the superblock. */
  readonly options: string;
}

/** The mounts that a task sees. */
export function describeMounts(task: number | "self" = "self"): MountState[] {
  return Deno.readTextFileSync(`/proc/${task}/mountinfo`).trimEnd().split("\n").map((line) => {
    const [before, after] = line.split(" - ") as [string, string];
    const [, , , root, mountPoint, mountOptions] = before.split(" ") as string[];
    const [type, , options] = after.split(" ") as string[];
    return { root: root!, mountPoint: mountPoint!, mountOptions: mountOptions!, type: type!, options: options! };
  });
}

/** A cgroup directory or a file in it. */
export interface CgroupState {
  /** `HIERARCHY:/PATH` or `HIERARCHY:/PATH/FILE`. */
  readonly name: string;
  readonly mode: string;
  readonly owner: string;
  /** Content of a file that a checkpoint keeps; absent for directories and for lists of tasks. */
  readonly value?: string;
}

/** Files whose content CRIU keeps: its table of properties, per controller (criu/cgroup-props.c). */
const VALUES: ReadonlySet<string> = new Set([
  ...["cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.rt_period_us", "cpu.rt_runtime_us"],
  ...["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness", "memory.soft_limit_in_bytes"],
  ...["memory.move_charge_at_immigrate", "memory.oom_control", "memory.use_hierarchy", "memory.kmem.limit_in_bytes"],
  ...["memory.kmem.tcp.limit_in_bytes", "net_prio.ifpriomap"],
  ...["cpuset.cpus", "cpuset.mems", "cpuset.memory_migrate", "cpuset.cpu_exclusive", "cpuset.mem_exclusive"],
  ...["cpuset.mem_hardwall", "cpuset.memory_spread_page", "cpuset.memory_spread_slab", "cpuset.sched_load_balance"],
  ...["cpuset.sched_relax_domain_level", "blkio.weight", "net_cls.classid", "pids.max", "devices.list"],
  ...["freezer.state", "cgroup.clone_children", "notify_on_release", "cgroup.subtree_control"],
  ...["cgroup.max.descendants", "cgroup.max.depth", "cgroup.freeze", "cgroup.type"],
]);

/** Of these CRIU keeps owner and mode only. */
const TASK_LISTS: ReadonlySet<string> = new Set(["tasks", "cgroup.procs"]);

/** Reads the cgroups at and below `path` in every one of `hierarchies`, sorted by name; those without it are passed. */
export function describeCgroups(hierarchies: readonly MountedHierarchy[], path: string): CgroupState[] {
  const states: CgroupState[] = [];
  for (const { name, mountPoint } of hierarchies) {
    for (const directory of listCgroups(mountPoint, path)) {
      const described = `${name}:${directory}`;
      states.push(describeNode(described, `${mountPoint}${directory}`));
      for (const { name: file, isFile } of Deno.readDirSync(`${mountPoint}${directory}`)) {
        if (!isFile || !(VALUES.has(file) || TASK_LISTS.has(file))) continue;
        states.push(describeNode(`${described}/${file}`, `${mountPoint}${directory}/${file}`, VALUES.has(file)));
      }
    }
  }
  return states.sort((a, b) => a.name < b.name ? -1 : 1);
}

function describeNode(name: string, file: string, withValue = false): CgroupState {
  const { mode, uid, gid } = Deno.statSync(file);
  const node = { name, mode: ((mode ?? 0) & 0o7777).toString(8), owner: `${uid}:${gid}` };
  return withValue ? { ...node, value: readValue(file) } : node;
}

function readValue(file: string): string {
  const text = Deno.readTextFileSync(file).trimEnd();
  // The other lines count what has happened.
  return file.endsWith("/memory.oom_control") ? text.split("\n")[0]! : text;
}

/** The paths of the cgroups at and below `path`, parents first. */
export function listCgroups(mountPoint: string, path: string): string[] {
  try {
    const names = [...Deno.readDirSync(`${mountPoint}${path}`)].filter(({ isDirectory }) => isDirectory);
    return [path, ...names.flatMap(({ name }) => listCgroups(mountPoint, `${path}/${name}`))];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** What a restore could leave behind. */
export interface Traces {
  /** Of `pids`, those that exist. */
  readonly pids: readonly number[];
  /** Tasks in our process group that run cgrestore's agent. */
  readonly agents: readonly number[];
  /** Hierarchies of this kernel, the other tests' left out. */
  readonly hierarchies: readonly string[];
  /** Mounts of cgroups and yards with all their options, the other tests' left out. */
  readonly mounts: readonly string[];
  /** Cgroups at and below our path. */
  readonly cgroups: readonly string[];
}

/**
 * Looks for what a restore could leave behind.
 *
 * @param id the name that the cgroups and hierarchies of this test begin with: `cgr-…`
 */
export function describeTraces(id: string, pids: readonly number[]): Traces {
  const isOurs = isHierarchyOf(id);
  const mounts = describeMounts().filter(({ type, options, mountPoint }) => (
    !isYardOfCriu(mountPoint) &&
    ((/^cgroup/.test(type) && !/name=cgr-/.test(options)) || options.includes(`name=${id}`) ||
      /cgyard/.test(mountPoint))
  ));
  return {
    pids: pids.filter(taskExists),
    agents: listAgents(),
    hierarchies: describePlace("/proc/self/cgroup", isOurs).map((line) => line.slice(0, line.indexOf(":"))),
    mounts: mounts.map(({ root, mountPoint, mountOptions, type, options }) =>
      [root, mountPoint, mountOptions, type, options].join(" ")
    ),
    cgroups: describeHierarchies().flatMap(({ name, mountPoint }) =>
      listCgroups(mountPoint, `/${id}`).map((path) => `${name}:${path}`)
    ),
  };
}

/** Whether a mount is one of CRIU's for cgroups, which it has in the host's mount namespace while it restores. */
export function isYardOfCriu(mount: string): boolean {
  return mount.includes("/.criu.cgyard.");
}

/** Whether a hierarchy is the host's or belongs to the test `id`, not to another one that runs meanwhile. */
export function isHierarchyOf(id: string): (hierarchy: string) => boolean {
  return (hierarchy) => !hierarchy.startsWith("name=cgr-") || hierarchy.startsWith(`name=${id}`);
}

/** Whether a task with this pid exists, as a zombie as well. */
export function taskExists(pid: number): boolean {
  return exists(`/proc/${pid}`);
}

/** Pids of the tasks in our process group that run cgrestore's agent. */
export function listAgents(): number[] {
  const ownGroup = groupOf("self");
  return [...Deno.readDirSync("/proc")].map(({ name }) => name).filter((name) => /^\d+$/.test(name))
    .filter((name) => groupOf(name) === ownGroup && executableOf(name).startsWith("/memfd:")).map(Number);
}

function groupOf(pid: string): string | undefined {
  const stat = readGone(() => Deno.readTextFileSync(`/proc/${pid}/stat`));
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2];
}

function executableOf(pid: string): string {
  return readGone(() => Deno.readLinkSync(`/proc/${pid}/exe`));
}

/** Tasks come and go while `/proc` is read; one that is gone has no text. */
function readGone(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /ESRCH|No such process/.test(String(error))) return "";
    throw error;
  }
}

/**
 * Kills those of `pids` that are in a cgroup of the test `id`, and waits until all of `pids` are gone.
 *
 * A pid that another task has got by now is not in such a cgroup.
 */
export async function killTasks(pids: readonly number[], id: string): Promise<void> {
  const ours = pids.filter((pid) =>
    pid > 1 && readGone(() => Deno.readTextFileSync(`/proc/${pid}/cgroup`)).includes(`/${id}`)
  );
  for (const pid of ours) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  await waitUntil(() => !ours.some(taskExists), `tasks ${ours.join(", ")} are still there after SIGKILL`);
}

/** Milliseconds that anything may take: a VM without KVM is slow, and a machine may have other things to do. */
const PATIENCE = 120_000;

/** Waits until `condition` holds, two minutes at most. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Removes a cgroup that has no cgroups below it, and whose tasks have ended: for the kernel, they are there a little longer. */
export function removeCgroup(path: string): void {
  for (const end = performance.now() + PATIENCE;;) {
    try {
      Deno.removeSync(path);
      return;
    } catch (error) {
      if (!/os error 16\b/.test(String(error)) || performance.now() > end) throw error;
      pause(10);
    }
  }
}

/** Without the event loop. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** The pid that was given last, proc_loadavg(5). */
export function lastPid(): number {
  return Number(Deno.readTextFileSync("/proc/loadavg").trim().split(" ").at(-1));
}

/**
 * `count` neighbouring pids from 20000 to 29999 that nothing uses, as task, thread, group or session, and that the kernel
 * gives to others as late as can be: it gives pids out in a circle.
 */
export function choosePids(count: number): number {
  const last = lastPid();
  const limit = Number(Deno.readTextFileSync("/proc/sys/kernel/pid_max"));
  const used = [...listUsedPids()];
  const bases = Array.from({ length: Math.floor((10_000 - count) / 10) }, (_, index) => 20_000 + 10 * index)
    .filter((base) => used.every((pid) => pid < base || pid >= base + count))
    .filter((base) => last < base || last >= base + count);
  const distanceTo = (base: number) => (base - last + limit) % limit;
  const [best] = bases.sort((a, b) => distanceTo(b) - distanceTo(a));
  if (best === undefined) throw new Error(`Cannot find ${count} free pids in a row`);
  return best;
}

/** Every number that is in use as a process, thread, group or session. */
export function listUsedPids(): Set<number> {
  const used = new Set<number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readGone(() => Deno.readTextFileSync(`/proc/${name}/stat`));
    const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    for (const id of [name, group ?? name, session ?? name]) used.add(Number(id));
    const threads = readGone(() => [...Deno.readDirSync(`/proc/${name}/task`)].map((entry) => entry.name).join(" "));
    for (const tid of threads.split(" ")) used.add(Number(tid));
  }
  return used;
}
