import { readCgroupEntry } from "../gen/cgroup.ts";
import { type CoreEntry, readCoreEntry } from "../gen/core.ts";
import { readInventoryEntry } from "../gen/inventory.ts";
import { readPidnsEntry } from "../gen/namespaces.ts";
import { type PstreeEntry, readPstreeEntry } from "../gen/pstree.ts";
import { readTaskKobjIdsEntry, type TaskKobjIdsEntry } from "../gen/task_kobj_ids.ts";
import type { Sys } from "../sys/sys.ts";
import { ImageSource } from "./image_source.ts";
import type { Images } from "./images.ts";
import { isImageVersion } from "./magic.ts";
import { readContents } from "./read_contents.ts";

/** Highest pid that Linux gives on 64 bits (`PID_MAX_LIMIT`, linux/threads.h). No other number has images. */
const PID_MAX = 4194304;

/** `task_state` of images (compel/include/uapi/task-state.h); CRIU writes zombies as dead. */
const DEAD = 2;
const ZOMBIE = 6;

/** Which images are read. */
export interface ReadOptions {
  /** Those of what the tasks hold as well: memory, files and the like. */
  readonly contents: boolean;
}

/**
 * Reads and decodes the images of a checkpoint: inventory.img, pstree.img, cgroup.img, the core images of all tasks and
 * threads, the ids of the live tasks, the root task's pid namespace, and what the tasks hold if that is asked for.
 *
 * A cgroup.img that is missing, empty or without sets says nothing about cgroups, which is fine. Of a zombie only its
 * own core is read: its list of threads means nothing.
 *
 * @throws {ImageError} with the damages of all files
 */
export function readImages(sys: Sys, directory: string, { contents }: ReadOptions): Images {
  const source = new ImageSource(sys, directory);
  const inventory = source.single(readInventoryEntry, { type: "inventory", file: "inventory.img" });
  if (inventory !== undefined && isImageVersion(inventory.imgVersion)) source.version = inventory.imgVersion;
  else if (inventory !== undefined) {
    const what = `image version ${inventory.imgVersion} is unknown, only 1 (v1) and 2 (v1.1) are known`;
    source.complain("inventory.img, entry 0", what);
  }
  // Without the version, no other file can be understood.
  source.throwProblems();
  if (inventory === undefined) throw new RangeError("Cannot go on without an inventory");
  const pstree = source.entries(readPstreeEntry, { type: "pstree", file: "pstree.img" });
  const cgroup = source.optionalSingle(readCgroupEntry, { type: "cgroup", file: "cgroup.img" });
  const { cores, ids } = readTasks(source, pstree);
  const pidns = readPidNamespace(source, ids.get(pstree[0]?.pid ?? 0));
  const tree = {
    ...{ version: source.version, inventory, pstree, cores, ids },
    ...pidns === undefined ? {} : { pidns },
    ...cgroup === undefined ? {} : { cgroup },
  };
  const images = contents && !source.isHopeless ? { ...tree, contents: readContents(source, tree) } : tree;
  source.throwProblems();
  return images;
}

function readTasks(source: ImageSource, pstree: readonly PstreeEntry[]): Pick<Images, "cores" | "ids"> {
  const cores = new Map<number, CoreEntry>();
  const ids = new Map<number, TaskKobjIdsEntry>();
  const seen = new Set<number>();
  const files = pstree.flatMap(({ pid, threads }) =>
    [...new Set([pid, ...threads])].map(coreFile).concat(idsFile(pid))
  );
  source.readingAhead(files, () => {
    for (const entry of pstree) {
      if (source.isHopeless) break;
      const leader = readCore(source, { tid: entry.pid, seen, cores });
      if (leader === undefined || isZombie(leader)) continue;
      for (const tid of entry.threads) {
        if (source.isHopeless) break;
        readCore(source, { tid, seen, cores });
      }
      const found = readIds(source, entry.pid, leader);
      if (found !== undefined) ids.set(entry.pid, found);
    }
  });
  return { cores, ids };
}

function coreFile(tid: number): string {
  return `core-${tid}.img`;
}

function idsFile(pid: number): string {
  return `ids-${pid}.img`;
}

/** Whether of a task only its end is left: what its images say of threads, ids and cgroups means nothing. */
export function isZombie({ tc }: CoreEntry): boolean {
  return tc?.taskState === DEAD || tc?.taskState === ZOMBIE;
}

/** Reads core-TID.img, once for each tid; what cannot be a tid is left for `buildCheckpoint` to tell. */
function readCore(
  source: ImageSource,
  { tid, seen, cores }: { tid: number; seen: Set<number>; cores: Map<number, CoreEntry> },
): CoreEntry | undefined {
  if (tid < 1 || tid > PID_MAX || seen.has(tid)) return cores.get(tid);
  seen.add(tid);
  const core = source.single(readCoreEntry, { type: "core", file: coreFile(tid) });
  if (core !== undefined) cores.set(tid, core);
  return core;
}

/** CRIU's own may be called external as well (`collect_pid_ns`, criu/namespaces.c). */
function readPidNamespace(source: ImageSource, ids: TaskKobjIdsEntry | undefined) {
  const number = ids?.pidNsId ?? 0;
  if (number === 0 || source.isHopeless) return undefined;
  return source.optionalSingle(readPidnsEntry, { type: "pidns", file: `pidns-${number}.img` });
}

/** Dumps from before ids-PID.img have the ids in the core. */
function readIds(source: ImageSource, pid: number, core: CoreEntry): TaskKobjIdsEntry | undefined {
  const image = { type: "ids", file: idsFile(pid) } as const;
  if (core.ids === undefined) return source.single(readTaskKobjIdsEntry, image);
  return source.optionalSingle(readTaskKobjIdsEntry, image) ?? core.ids;
}
