import type { Problem } from "../errors.ts";
import type { ContentImages } from "../image/content_images.ts";
import type { Images } from "../image/images.ts";
import { buildAddressSpace } from "./build_address_space.ts";
import { buildLocks } from "./build_locks.ts";
import { buildNamespaceContents } from "./build_namespace_contents.ts";
import { buildNetworkLock } from "./build_network_lock.ts";
import { buildOpenFiles } from "./build_open_files.ts";
import { shareSeccomp } from "./build_seccomp.ts";
import { buildSegments } from "./build_segments.ts";
import { buildTaskState } from "./build_task_state.ts";
import { buildThreadState } from "./build_thread_state.ts";
import type { Task } from "./checkpoint.ts";
import type { Contents, SecurityModule, TreeIds } from "./contents.ts";
import type { NamespaceIds } from "./files/build_namespace_file.ts";
import { checkUnixSockets } from "./files/check_unix_sockets.ts";
import type { Descriptor, OpenFile } from "./open_file.ts";
import type { TaskState, ThreadState } from "./task_state.ts";

/** What the building of contents has to know. */
export interface ContentsContext {
  readonly images: Pick<Images, "inventory" | "cores" | "ids"> & { readonly contents: ContentImages };
  readonly tasks: readonly Task[];
  readonly problems: Problem[];
}

/** What the live tasks hold. References that lead nowhere are problems. */
export function buildContents(context: ContentsContext): Contents {
  const { images: { contents }, problems } = context;
  const files = buildOpenFiles({
    images: contents,
    networks: netIdsOfTasks(context),
    namespaceIds: namespaceIds(context),
    problems,
  });
  const { tasks, threads } = buildTasksAndThreads(context);
  const rootPid = context.tasks[0]?.pid ?? 0;
  const networkLock = buildNetworkLock(context.images.inventory, { rootPid, problems });
  const tables = buildTables(contents, problems);
  const result: Contents = {
    namespaces: buildNamespaceContents(contents.namespaces, {
      lock: networkLock,
      mountIds: idsOf(context, "mntNsId"),
      netIds: idsOf(context, "netNsId"),
      problems,
    }),
    ids: buildIds(context.tasks),
    tasks,
    threads,
    files,
    tables,
    segments: buildSegments({ images: contents, tasks, files, problems }),
    locks: buildLocks(contents.locks, { tasks, tables, problems }),
    securityModule: buildSecurityModule(context),
    ...networkLock === undefined ? {} : { networkLock },
  };
  checkReferences(result, problems);
  checkUnixSockets(contents, files, problems);
  return result;
}

/** `enum lsmtype` of images/inventory.proto, in its order. */
const SECURITY_MODULES: readonly SecurityModule[] = ["none", "selinux", "apparmor"];

function buildSecurityModule({ images: { inventory: { lsmtype = 0 } }, problems }: ContentsContext): SecurityModule {
  const module = SECURITY_MODULES[lsmtype];
  if (module !== undefined) return module;
  problems.push({ where: "inventory.img, entry 0", what: `there is no security module ${lsmtype}` });
  return "none";
}

function buildIds(tasks: readonly Task[]): TreeIds {
  const pids = tasks.map(({ pid }) => pid);
  const tids = tasks.flatMap(({ threads }) => threads.map(({ tid }) => tid));
  return { pids: new Set(pids), tids: new Set([...pids, ...tids]), groups: new Set(tasks.map(({ group }) => group)) };
}

function namespaceIds({ images: { ids, inventory }, tasks }: ContentsContext): NamespaceIds {
  const known = tasks.flatMap(({ pid }) => {
    const own = ids.get(pid);
    return own === undefined ? [] : [[pid, own] as const];
  });
  return { tasks: new Map(known), dumper: inventory.rootIds };
}

/** By pid; 0 says nothing. */
function idsOf({ images: { ids }, tasks }: ContentsContext, field: "mntNsId" | "netNsId"): Map<number, number> {
  return new Map(tasks.map(({ pid }) => [pid, ids.get(pid)?.[field] ?? 0]));
}

/** Ids of the net namespaces that tasks are in, by their numbers: those that the images have, and the root task's. */
function netIdsOfTasks(context: ContentsContext): number[] {
  const [root = 0] = idsOf(context, "netNsId").values();
  const [, ...nested] = context.images.contents.namespaces.net ?? [];
  return root === 0 ? [] : [root, ...nested.map(({ number }) => number)];
}

function buildTasksAndThreads({ images, tasks, problems }: ContentsContext): Pick<Contents, "tasks" | "threads"> {
  const states = new Map<number, TaskState>();
  const threads = new Map<number, ThreadState>();
  const { cores, ids, contents } = images;
  for (const task of tasks) {
    if (task.state === "zombie") continue;
    const { pid } = task;
    const core = cores.get(pid);
    const kinds = ids.get(pid);
    const mm = contents.spaces.get(pid);
    const fs = contents.fs.get(pid);
    // What is missing has been told.
    if (core?.tc === undefined || kinds === undefined || mm === undefined || fs === undefined) continue;
    const memory = buildAddressSpace(mm, { pid, pagemap: contents.pagemaps.get(pid), problems });
    states.set(pid, buildTaskState(core.tc, { pid, core, ids: kinds, fs, memory, problems }));
    for (const tid of [pid, ...task.threads.map((thread) => thread.tid)]) {
      const own = cores.get(tid);
      const { tc: leader } = core;
      const state = own && buildThreadState(own, { tid, leader, filters: contents.filters, problems });
      if (state === undefined) continue;
      threads.set(tid, { ...state, seccomp: shareSeccomp(state.seccomp, threads.get(pid)?.seccomp) });
    }
  }
  return { tasks: states, threads };
}

function buildTables({ tables }: ContentImages, problems: Problem[]): Map<number, Descriptor[]> {
  const built = new Map<number, Descriptor[]>();
  for (const [id, entries] of tables) {
    const descriptors = entries.map(({ fd, id: file, flags }) => ({ fd, file, closeOnExec: (flags & 1) !== 0 }));
    descriptors.sort((a, b) => a.fd - b.fd);
    descriptors.forEach(({ fd }, index) => {
      if (fd !== descriptors[index + 1]?.fd) return;
      problems.push({ where: `fdinfo-${id}.img`, what: `descriptor ${fd} occurs more than once` });
    });
    built.set(id, descriptors);
  }
  return built;
}

/** Everything that is referred to must be there. */
function checkReferences(contents: Contents, problems: Problem[]): void {
  const { tasks, files, tables } = contents;
  for (const [table, descriptors] of tables) {
    for (const { fd, file } of descriptors) {
      if (!files.has(file)) problems.push({ where: `fdinfo-${table}.img, descriptor ${fd}`, what: noFile(file) });
    }
  }
  for (const [pid, { memory, directories }] of tasks) {
    const isPath = (id: number) => files.get(id)?.kind === "path";
    if (!isPath(memory.executable) && files.get(memory.executable)?.kind !== "memfd") {
      problems.push({ where: `mm-${pid}.img`, what: `the executable: ${noFile(memory.executable)}` });
    }
    for (const id of [directories.working, directories.root]) {
      if (!isPath(id)) problems.push({ where: `fs-${pid}.img`, what: noFile(id) });
      else if (!isDirectory(files.get(id))) {
        problems.push({ where: `fs-${pid}.img`, what: `file ${id} is no directory` });
      }
    }
    for (const { content } of memory.mappings) {
      if (content.kind !== "file" || isMappable(files.get(content.file))) continue;
      problems.push({ where: `mm-${pid}.img`, what: `it maps file ${content.file}, which files.img does not have` });
    }
  }
}

function noFile(id: number): string {
  return `file ${id} is not in files.img, or of another kind`;
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** Older images do not say what a file is. */
function isDirectory(file: OpenFile | undefined): boolean {
  return file?.kind === "path" && (file.mode === undefined || (file.mode & S_IFMT) === S_IFDIR);
}

function isMappable(file: OpenFile | undefined): boolean {
  return file?.kind === "path" || file?.kind === "memfd" || file?.kind === "packet";
}
