import { describeHierarchies } from "../../lib/host/describe_host.ts";
import type { Hierarchy, Host, HostCgroup, HostMemory, OwnState } from "../../lib/host/host.ts";
import { parseProcCgroups } from "../../lib/host/parse_proc_cgroups.ts";
import { readImages } from "../../lib/image/read_images.ts";
import { ancestorsOf } from "../../lib/model/cgroup_path.ts";
import { buildCheckpoint } from "../../lib/model/build_checkpoint.ts";
import type { CgroupSet, Checkpoint, ControllerTree, DumpedCgroup, Task } from "../../lib/model/checkpoint.ts";
import type { Plan, PlanOptions } from "../../lib/plan/plan.ts";
import type { Sys } from "../../lib/sys/sys.ts";
import { DenoFilesSys } from "./deno_files_sys.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** A checkpoint that CRIU dumped, without contents: the name of a folder of `tests/fixtures/checkpoints`. */
export function readCheckpoint(name: string): Checkpoint {
  const directory = new URL(`checkpoints/${name}`, FIXTURES).pathname;
  return buildCheckpoint(readImages(new DenoFilesSys().sys, directory, { contents: false }));
}

/** Reads the files of `/proc` as captured in a folder of `tests/fixtures/hosts`. */
class CapturedFiles extends DenoFilesSys {
  constructor(readonly host: string) {
    super();
  }

  override open(path: string): number {
    return super.open(new URL(`hosts/${this.host}/${path.replace(/^.*\//, "")}`, FIXTURES).pathname);
  }
}

/** A `Sys` on which `/proc` is that of a captured host. */
export function capturedSys(host: string): Sys {
  return new CapturedFiles(host).sys;
}

/** Contents of files by name, for each cgroup by path. */
export type Cgroups = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The host of a capture, with these cgroups (and their ancestors) by name of the hierarchy. */
export function capturedHost(name: string, cgroups: Readonly<Record<string, Cgroups>> = {}): Host {
  const file = Deno.readTextFileSync(new URL(`hosts/${name}/cgroups`, FIXTURES));
  const loose = parseProcCgroups(file).filter(({ hierarchyId }) => hierarchyId === 0);
  return buildHost({
    hierarchies: describeHierarchies(capturedSys(name)).map((hierarchy) => ({
      ...hierarchy,
      cgroups: buildCgroups(cgroups[hierarchy.name] ?? {}),
    })),
    looseControllers: loose.map((controller) => controller.name).sort(),
    unifiedControllers: (cgroups[""]?.["/"]?.["cgroup.controllers"] ?? "").split(" ").filter((word) => word !== ""),
  });
}

export function buildHost(host: Partial<Host>): Host {
  return {
    hierarchies: [],
    looseControllers: [],
    unifiedControllers: [],
    takenPids: new Map(),
    freePids: [],
    pidMax: 32768,
    maxDescriptors: 1_048_576,
    suidDumpable: 0,
    kernel: [6, 1],
    machine: "x86_64",
    capabilities: new Set(),
    components: new Map(),
    inherited: new Map(),
    own: OWN_STATE,
    files: new Map(),
    mounts: new Map(),
    fileSystems: new Map(),
    outsiders: new Map(),
    programs: new Map(),
    memory: HOST_MEMORY,
    ...host,
  };
}

/** A kernel that can do everything, but has no vdso. */
export const HOST_MEMORY: HostMemory = {
  maxMappings: 65530,
  hugePages: new Map(),
  hasTransparentPages: true,
  mergesPages: true,
  pages: new Map(),
  processors: 1,
};

const EVERY_CAPABILITY = (1n << 41n) - 1n;
const UNLIMITED = 2n ** 64n - 1n;

/** What root's shell on a host without any settings is like. */
export const OWN_STATE: OwnState = {
  uids: [0, 0, 0, 0],
  gids: [0, 0, 0, 0],
  groups: [0],
  inheritable: 0n,
  permitted: EVERY_CAPABILITY,
  effective: EVERY_CAPABILITY,
  bounding: EVERY_CAPABILITY,
  ambient: 0n,
  noNewPrivileges: false,
  hasSeccomp: false,
  nice: 0,
  policy: 0,
  oomScoreAdjustment: 0,
  limits: Array.from({ length: 16 }, () => ({ soft: UNLIMITED, hard: UNLIMITED })),
};

/** A hierarchy that is mounted, with these cgroups and their ancestors. */
export function buildHierarchy(name: string, options: { ownPath?: string; cgroups?: Cgroups } = {}): Hierarchy {
  const { ownPath = "/", cgroups = {} } = options;
  const mount = { mountPoint: `/sys/fs/cgroup/${name}`, readOnly: false, superOptions: [name] };
  return { name, version: name === "" ? 2 : 1, ownPath, mount, cgroups: buildCgroups({ "/": {}, ...cgroups }) };
}

function buildCgroups(cgroups: Cgroups): Map<string, HostCgroup> {
  const built = new Map<string, HostCgroup>();
  for (const path of Object.keys(cgroups)) {
    for (const each of [...ancestorsOf(path), path]) {
      built.set(each, { mode: 0o755, uid: 0, gid: 0, values: new Map(Object.entries(cgroups[each] ?? {})) });
    }
  }
  return built;
}

/** A checkpoint with one task for each set, from 100 on, in the members `{ hierarchy: path }`. */
export function buildSmallCheckpoint(
  sets: readonly Readonly<Record<string, string>>[],
  trees: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {},
): Checkpoint {
  const built = sets.map((members, index): CgroupSet => ({
    id: index + 2,
    members: Object.entries(members).map(([hierarchy, path]) => ({ hierarchy, path })),
  }));
  const tasks = built.map(({ id }, index): Task => ({
    pid: 100 + index,
    parent: index === 0 ? 0 : 100,
    group: 100,
    session: 100,
    state: "alive",
    exitStatus: 0,
    stopSignal: 0,
    childSubreaper: false,
    comm: "task",
    set: id,
    threads: [],
  }));
  const template = { imageVersion: 2, ownSet: 1, namespaces: new Set(), strangers: new Map() } as Partial<Checkpoint>;
  const controllers = Object.entries(trees).map(([hierarchy, directories]): ControllerTree => ({
    hierarchy,
    directories: Object.entries(directories).map(([path, values]): DumpedCgroup => ({
      path,
      permissions: { mode: 0o755, uid: 0, gid: 0 },
      properties: Object.entries(values).map(([name, value]) => ({ name, value })),
    })),
  }));
  return { ...template, tasks, sets: new Map(built.map((set) => [set.id, set])), controllers } as Checkpoint;
}

/** Nothing to do. */
export const EMPTY_PLAN: Plan = {
  hierarchies: [],
  cgroups: [],
  coordinator: [],
  tasks: [],
  endings: [],
  lateMoves: [],
  properties: [],
  freezes: [],
  places: [],
  expectedTasks: [],
  newPidNamespace: false,
  namespaces: [],
  rootIsSibling: false,
  counts: { writes: 0, originWrites: 0, createdInPlace: 0 },
  notes: [],
};

export const DEFAULT_OPTIONS: PlanOptions = {
  mode: "soft",
  roots: [],
  onMissing: "fail",
  pidNamespace: false,
  shellJob: false,
  restoreSibling: false,
  meaninglessExternals: [],
  leavesNetEmpty: false,
  mayLackSettings: false,
  externalUnixSockets: false,
  connections: "refuse",
  placeholders: true,
  fileValidation: "buildid",
  skipFileRwxCheck: false,
  inheritedFiles: [],
  mounts: { external: [], takesDetected: false },
  outerEnds: [],
  parents: [],
  joins: [],
};
