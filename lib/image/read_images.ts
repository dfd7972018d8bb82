import { ImageError, type Problem, SysError, throwProblems } from "../errors.ts";
import { type CgroupEntry, readCgroupEntry } from "../gen/cgroup.ts";
import { type CoreEntry, readCoreEntry } from "../gen/core.ts";
import { type InventoryEntry, readInventoryEntry } from "../gen/inventory.ts";
import { type PstreeEntry, readPstreeEntry } from "../gen/pstree.ts";
import { readTaskKobjIdsEntry, type TaskKobjIdsEntry } from "../gen/task_kobj_ids.ts";
import { readRegularFile } from "../sys/files.ts";
import type { Sys } from "../sys/sys.ts";
import type { ReadMessage } from "../wire/message_reader.ts";
import { decodeEntries, decodeSingle } from "./decode.ts";
import { type ImageKind, splitFrames } from "./frame.ts";
import type { Images } from "./images.ts";
import { type ImageType, type ImageVersion, isImageVersion, magicsOf } from "./magic.ts";

/** Reading ends here, so that a damaged list of a million threads is not answered with a million lines. */
const MAX_PROBLEMS = 1000;

/** Highest pid that Linux gives on 64 bits (`PID_MAX_LIMIT`, linux/threads.h). No other number has images. */
const PID_MAX = 4194304;

/** `task_state` of images (compel/include/uapi/task-state.h); CRIU writes zombies as dead. */
const DEAD = 2;
const ZOMBIE = 6;

/** Where images are read from, and what has been found wrong so far. */
interface Source {
  readonly sys: Sys;
  readonly directory: string;
  readonly version: ImageVersion;
  readonly problems: Problem[];
}

/**
 * Reads and decodes inventory.img, pstree.img, cgroup.img, the core images of all tasks and threads, and the ids of
 * the live tasks.
 *
 * A cgroup.img that is missing, empty or without sets says nothing about cgroups, which is fine. Of a zombie only its
 * own core is read: its list of threads means nothing.
 *
 * @throws {ImageError} with the damages of all files
 */
export function readImages(sys: Sys, directory: string): Images {
  const problems: Problem[] = [];
  const inventory = readInventory({ sys, directory, version: 1, problems });
  // Without the version, no other file can be understood.
  if (inventory === undefined) throw imageError(directory, problems);
  const version = inventory.imgVersion;
  if (!isImageVersion(version)) {
    const what = `image version ${version} is unknown, only 1 (v1) and 2 (v1.1) are known`;
    throw imageError(directory, [...problems, { where: "inventory.img, entry 0", what }]);
  }
  const source = { sys, directory, version, problems };
  const pstree = readPstree(source);
  const cgroup = readCgroup(source);
  const { cores, ids } = readTasks(source, pstree);
  throwProblems(ImageError, summary(directory), problems);
  return { version, inventory, pstree, cores, ids, ...(cgroup === undefined ? {} : { cgroup }) };
}

function summary(directory: string): string {
  return `Cannot read the checkpoint in "${directory}": its images are damaged or incomplete`;
}

function imageError(directory: string, problems: readonly Problem[]): ImageError {
  return new ImageError(summary(directory), problems);
}

function readInventory(source: Source): InventoryEntry | undefined {
  return readSingle(source, readInventoryEntry, { type: "inventory", file: "inventory.img" });
}

function readPstree(source: Source): PstreeEntry[] {
  const file = "pstree.img";
  const bytes = readBytes(source, file);
  if (bytes === undefined) return [];
  const kind: ImageKind = { file, type: "pstree", version: source.version };
  return decodeEntries(readPstreeEntry, bytes, { kind, problems: source.problems });
}

function readCgroup(source: Source): CgroupEntry | undefined {
  const file = "cgroup.img";
  const bytes = readBytes(source, file, { optional: true });
  if (bytes === undefined || bytes.length === 0) return undefined;
  const kind: ImageKind = { file, type: "cgroup", version: source.version };
  if (bytes.length > 4 * magicsOf(kind.type, kind.version).length) {
    return decodeSingle(readCgroupEntry, bytes, { kind, problems: source.problems });
  }
  // Magic only: its words are checked all the same.
  splitFrames(bytes, kind, source.problems);
  return undefined;
}

function readTasks(source: Source, pstree: readonly PstreeEntry[]): Pick<Images, "cores" | "ids"> {
  const cores = new Map<number, CoreEntry>();
  const ids = new Map<number, TaskKobjIdsEntry>();
  const seen = new Set<number>();
  for (const entry of pstree) {
    if (isEnough(source)) break;
    const leader = readCore(source, { tid: entry.pid, seen, cores });
    if (leader === undefined || isZombie(leader)) continue;
    for (const tid of entry.threads) {
      if (isEnough(source)) break;
      readCore(source, { tid, seen, cores });
    }
    const found = readIds(source, entry.pid, leader);
    if (found !== undefined) ids.set(entry.pid, found);
  }
  return { cores, ids };
}

/** Whether of a task only its end is left: what its images say of threads, ids and cgroups means nothing. */
function isZombie({ tc }: CoreEntry): boolean {
  return tc?.taskState === DEAD || tc?.taskState === ZOMBIE;
}

/** Whether so many problems were found that the rest is not worth reading; says so once. */
function isEnough({ problems }: Source): boolean {
  if (problems.length < MAX_PROBLEMS) return false;
  if (problems.length === MAX_PROBLEMS) {
    problems.push({ where: "pstree.img", what: `reading ended after ${MAX_PROBLEMS} problems, there can be more` });
  }
  return true;
}

/** Reads core-TID.img, once for each tid; what cannot be a tid is left for `buildCheckpoint` to tell. */
function readCore(
  source: Source,
  { tid, seen, cores }: { tid: number; seen: Set<number>; cores: Map<number, CoreEntry> },
): CoreEntry | undefined {
  if (tid < 1 || tid > PID_MAX || seen.has(tid)) return cores.get(tid);
  seen.add(tid);
  const core = readSingle(source, readCoreEntry, { type: "core", file: `core-${tid}.img` });
  if (core !== undefined) cores.set(tid, core);
  return core;
}

function readIds(source: Source, pid: number, core: CoreEntry): TaskKobjIdsEntry | undefined {
  const file = `ids-${pid}.img`;
  const bytes = readBytes(source, file, { optional: core.ids !== undefined });
  if (bytes === undefined) return core.ids;
  const kind: ImageKind = { file, type: "ids", version: source.version };
  return decodeSingle(readTaskKobjIdsEntry, bytes, { kind, problems: source.problems });
}

function readSingle<T>(
  source: Source,
  read: ReadMessage<T>,
  { type, file }: { readonly type: ImageType; readonly file: string },
): T | undefined {
  const bytes = readBytes(source, file);
  if (bytes === undefined) return undefined;
  return decodeSingle(read, bytes, { kind: { file, type, version: source.version }, problems: source.problems });
}

/** The bytes of a file; `undefined` when it cannot be read, which is a problem unless it is optional and missing. */
function readBytes(
  { sys, directory, problems }: Source,
  file: string,
  { optional = false } = {},
): Uint8Array | undefined {
  try {
    return readRegularFile(sys, `${directory}/${file}`);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code !== "ENOENT") problems.push({ where: file, what: `the file is not readable: ${error.message}` });
    else if (!optional) problems.push({ where: file, what: "there is no such file" });
    return undefined;
  }
}
