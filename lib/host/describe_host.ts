import { orUndefined } from "../errors.ts";
import { capabilityNames } from "../model/capability_names.ts";
import { type HierarchyName, UNIFIED } from "../model/hierarchy.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY } from "../sys/constants.ts";
import { readText } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import { describeAppArmor } from "./describe_app_armor.ts";
import { describeComponents } from "./describe_components.ts";
import { describeCgroups } from "./describe_cgroups.ts";
import { describeDescriptors } from "./describe_descriptors.ts";
import { describeFiles } from "./describe_files.ts";
import { describeClocks } from "./describe_clocks.ts";
import { describeMemory } from "./describe_memory.ts";
import { describeFileSystems, describeMounts } from "./describe_mounts.ts";
import { describeNetwork } from "./describe_network.ts";
import { describeOwnState } from "./describe_own_state.ts";
import { describePids, type ForeignPids, ownPids, type PidTable } from "./describe_pids.ts";
import { describePrograms } from "./describe_programs.ts";
import { describeTerminal } from "./describe_terminal.ts";
import { describeUnix } from "./describe_unix.ts";
import { describeUser } from "./describe_user.ts";
import type { Hierarchy, HierarchyMount, Host, HostCgroup, HostQuestions } from "./host.ts";
import { type CgroupMount, parseCgroupMounts } from "./parse_cgroup_mounts.ts";
import { parseProcCgroup } from "./parse_proc_cgroup.ts";
import { parseProcCgroups } from "./parse_proc_cgroups.ts";
import { parseStatus } from "./parse_status.ts";

/** Pids below it are left to the system (kernel/pid.c: RESERVED_PIDS). */
const RESERVED_PIDS = 300;

const TO_END = "which has to end first";

/**
 * Looks at this host, as far as `questions` ask. It changes nothing and needs no privilege; what only root may see is
 * missing then.
 */
export function describeHost(sys: Sys, questions: HostQuestions): Host {
  const hierarchies = describeHierarchies(sys).map((hierarchy) => {
    const cgroups = describeThroughMount(sys, hierarchy, questions.cgroups.get(hierarchy.name) ?? []);
    return { ...hierarchy, cgroups };
  });
  const unified = hierarchies.find(({ name }) => name === UNIFIED)?.cgroups.get("/")?.values.get("cgroup.controllers");
  const clocks = questions.clocks ? describeClocks(sys) : undefined;
  const terminal = questions.terminal ? describeTerminal(sys) : undefined;
  const appArmor = questions.appArmor ? describeAppArmor(sys) : undefined;
  const pidMax = Number(readText(sys, "/proc/sys/kernel/pid_max"));
  const [major = 0, minor = 0] = readText(sys, "/proc/sys/kernel/osrelease").split(/[^0-9]+/).map(Number);
  const own = describeOwnState(sys);
  const inherited = describeDescriptors(sys, questions.inherited);
  const foreign = describeJoinedPids(sys, inherited.get(questions.pidNamespace ?? -1)?.name);
  const pids = foreign ?? ownPids(sys);
  return {
    hierarchies,
    looseControllers: describeLooseControllers(sys),
    unifiedControllers: (unified ?? "").split(" ").filter((name) => name !== "").sort(),
    takenPids: describeTakenPids(sys, pids, questions.pids),
    freePids: findFreePids(pids, pidMax, questions),
    ...foreign === undefined ? {} : { joinedPids: { isEmpty: foreign.isEmpty } },
    pidMax,
    maxDescriptors: Number(readText(sys, "/proc/sys/fs/nr_open")),
    suidDumpable: Number(readText(sys, "/proc/sys/fs/suid_dumpable")),
    kernel: [major, minor],
    machine: describeMachine(sys),
    capabilities: new Set(capabilityNames(own.effective)),
    components: describeComponents(sys, questions.components),
    own,
    files: describeFiles(sys, questions.files),
    memory: describeMemory(sys, questions.memory),
    inherited,
    mounts: describeMounts(sys, questions.devices),
    fileSystems: describeFileSystems(sys, questions.fileSystems),
    programs: describePrograms(sys, questions.programs),
    outsiders: describeOutsiders(pids, questions.outsiders),
    ...questions.unix ? { unix: describeUnix(sys) } : {},
    ...questions.network ? { network: describeNetwork(sys) } : {},
    ...terminal === undefined ? {} : { terminal },
    ...clocks === undefined ? {} : { clocks },
    ...appArmor === undefined ? {} : { appArmor },
    ...questions.user ? { user: describeUser(sys) } : {},
  };
}

/**
 * The hierarchies of this host, sorted by name, without looking at their cgroups: what it takes to find out which of
 * them a checkpoint means, before asking for cgroups in them.
 *
 * Kernels with v1 only may still list cgroup v2, which is mounted nowhere then.
 */
export function describeHierarchies(sys: Sys): Hierarchy[] {
  const mounts = parseCgroupMounts(readText(sys, "/proc/self/mountinfo"));
  return parseProcCgroup(readText(sys, "/proc/self/cgroup"))
    .map(({ hierarchy, path }) => buildHierarchy(sys, hierarchy, path, mounts))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

function buildHierarchy(sys: Sys, name: HierarchyName, ownPath: string, mounts: readonly CgroupMount[]): Hierarchy {
  const version = name === UNIFIED ? 2 : 1;
  const mount = chooseMount(name, mounts);
  const hierarchy: Hierarchy = { name, version, ownPath, cgroups: new Map() };
  if (mount !== undefined) return { ...hierarchy, mount };
  const superOptions = version === 2 ? findUnifiedOptions(sys, mounts) : undefined;
  return superOptions === undefined ? hierarchy : { ...hierarchy, superOptions };
}

/** A mount of the whole hierarchy, a writable one if there is any. */
function chooseMount(name: HierarchyName, mounts: readonly CgroupMount[]): HierarchyMount | undefined {
  const whole = mounts.filter((mount) => mount.root === "/" && shows(mount, name));
  const mount = whole.find(({ readOnly }) => !readOnly) ?? whole[0];
  if (mount === undefined) return undefined;
  return { mountPoint: mount.mountPoint, readOnly: mount.readOnly, superOptions: mount.superOptions };
}

/** A v1 superblock lists its controllers and its name among its options. */
function shows(mount: CgroupMount, name: HierarchyName): boolean {
  if (name === UNIFIED) return mount.version === 2;
  return mount.version === 1 && name.split(",").every((part) => mount.superOptions.includes(part));
}

function findUnifiedOptions(sys: Sys, mounts: readonly CgroupMount[]): readonly string[] | undefined {
  const ofInit = orUndefined(["EACCES", "EPERM", "ENOENT"], () => readText(sys, "/proc/1/mountinfo")) ?? "";
  return [...mounts, ...parseCgroupMounts(ofInit)].find(({ version }) => version === 2)?.superOptions;
}

function describeThroughMount(sys: Sys, hierarchy: Hierarchy, paths: readonly string[]): Map<string, HostCgroup> {
  const mountPoint = hierarchy.mount?.mountPoint;
  if (mountPoint === undefined) return new Map();
  const root = orUndefined(["ENOENT", "EACCES"], () => sys.open(mountPoint, O_PATH | O_DIRECTORY));
  if (root === undefined) return new Map();
  try {
    return describeCgroups(sys, root, hierarchy, ["/", ...paths]);
  } finally {
    sys.close(root);
  }
}

function describeLooseControllers(sys: Sys): string[] {
  // Kernels without any v1 controller have no such file (CONFIG_CGROUPS_V1).
  const text = orUndefined(["ENOENT"], () => readText(sys, "/proc/cgroups")) ?? "";
  return parseProcCgroups(text)
    .filter(({ enabled, hierarchyId }) => enabled && hierarchyId === 0)
    .map(({ name }) => name).sort();
}

/** What is no pid namespace, the planner refuses. */
function describeJoinedPids(sys: Sys, link: string | undefined): ForeignPids | undefined {
  return link?.startsWith("pid:") === true ? describePids(sys, link) : undefined;
}

function describeOutsiders(table: PidTable, ids: readonly number[]): Map<number, number> {
  return new Map(ids.flatMap((id) => {
    const holder = holderOf(table, id);
    return holder === undefined ? [] : [[id, holder] as const];
  }));
}

/** A group has the number of its leader. */
function holderOf({ taskWith, groupWith }: PidTable, id: number): number | undefined {
  return taskWith(id) ?? groupWith(id);
}

function describeTakenPids(sys: Sys, table: PidTable, pids: readonly number[]): Map<number, string> {
  const taken = new Map<number, string>();
  for (const pid of pids) {
    const holder = table.taskWith(pid);
    if (holder !== undefined) taken.set(pid, describeTask(sys, holder, holder === pid ? "" : `, ${holder} here`));
    else if (table.groupWith(pid) !== undefined) taken.set(pid, `a process group, ${TO_END}`);
  }
  return taken;
}

/**
 * A zombie does not end by anything that is done to it.
 *
 * @param alias what else it is called
 */
function describeTask(sys: Sys, pid: number, alias: string): string {
  const text = orUndefined(["ENOENT", "ESRCH", "EACCES", "EPERM"], () => readText(sys, `/proc/${pid}/status`)) ?? "";
  const status = parseStatus(text);
  const [parent = "0"] = status.words("PPid");
  const name = ["process", ...status.words("Name")].join(" ") + alias;
  const hasEnded = status.words("State")[0] === "Z" && parent !== "0";
  return `${name}, ${hasEnded ? `which has ended, but its parent ${parent} has not waited for it yet` : TO_END}`;
}

/** From the highest downwards: the kernel hands out pids upwards, so those are not taken meanwhile. */
function findFreePids(table: PidTable, pidMax: number, { pids, helpers }: HostQuestions): number[] {
  const reserved = new Set(pids);
  const free: number[] = [];
  for (let pid = pidMax - 1; pid > RESERVED_PIDS && free.length < helpers; pid--) {
    if (!reserved.has(pid) && holderOf(table, pid) === undefined) free.push(pid);
  }
  return free.reverse();
}

/** `e_machine` of elf(5), as `uname -m` calls it. */
const MACHINES: ReadonlyMap<number, string> = new Map([[62, "x86_64"], [183, "aarch64"]]);

/** Taken from our own executable: the kernel tells it in a file since Linux 6.1 only. */
function describeMachine(sys: Sys): string {
  const header = new Uint8Array(20);
  const fd = sys.open("/proc/self/exe", O_RDONLY);
  try {
    sys.read(fd, header);
  } finally {
    sys.close(fd);
  }
  const machine = new DataView(header.buffer).getUint16(18, true);
  return MACHINES.get(machine) ?? `unknown (ELF machine ${machine})`;
}
