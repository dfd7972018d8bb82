import type { Host } from "../../lib/host/host.ts";
import type { Contents } from "../../lib/model/contents.ts";
import type { Descriptor, OpenFile } from "../../lib/model/open_file.ts";
import type { TaskState } from "../../lib/model/task_state.ts";
import { FilePlanner, type FilePlannerOptions } from "../../lib/plan/contents/file_planner.ts";
import { planFile } from "../../lib/plan/contents/plan_file.ts";
import { buildHost, DEFAULT_OPTIONS } from "./plan_inputs.ts";

/** Descriptors of a task, with the ids of their files: `{ 3: 30 }`. */
export type Descriptors = Readonly<Record<number, number>>;

export interface SmallTree {
  readonly files?: readonly OpenFile[];
  /** By pid. */
  readonly tasks?: Readonly<Record<number, Descriptors>>;
  /** Further ids than those of `tasks`. */
  readonly zombies?: readonly number[];
  readonly threads?: readonly number[];
  readonly groups?: readonly number[];
  readonly locks?: Contents["locks"];
}

export const PLANNER_OPTIONS: FilePlannerOptions = { ...DEFAULT_OPTIONS, tasks: [] };

/** Contents with nothing in them but open files, and tasks that have a table of descriptors each. */
export function smallContents(tree: SmallTree): Contents {
  const { files = [], tasks = {}, zombies = [], threads = [], groups = [], locks = [] } = tree;
  const pids = Object.keys(tasks).map(Number);
  return {
    namespaces: {},
    ids: {
      pids: new Set([...pids, ...zombies]),
      tids: new Set([...pids, ...zombies, ...threads]),
      groups: new Set(groups),
    },
    tasks: new Map(pids.map((pid) => [pid, { table: tableOf(pid) } as TaskState])),
    threads: new Map(),
    files: new Map(files.map((file) => [file.id, file])),
    tables: new Map(Object.entries(tasks).map(([pid, descriptors]) => [tableOf(Number(pid)), listOf(descriptors)])),
    segments: new Map(),
    locks,
    securityModule: "none",
  };
}

/** Id of the table of a task of `smallContents`. */
export function tableOf(pid: number): number {
  return pid + 1000;
}

function listOf(descriptors: Descriptors): Descriptor[] {
  return Object.entries(descriptors).map(([fd, file]) => ({ fd: Number(fd), file, closeOnExec: false }));
}

/** Plans all files that the tasks of a small tree have, as `planContents` does. */
export function planSmallTree(tree: SmallTree, host: Partial<Host> = {}): FilePlanner {
  const planner = new FilePlanner(smallContents(tree), buildHost(host), [], PLANNER_OPTIONS);
  for (const [pid, { table }] of planner.contents.tasks) {
    for (const { fd, file } of planner.contents.tables.get(table) ?? []) {
      planFile(planner, file, `task ${pid}, descriptor ${fd}`);
    }
  }
  planner.finish();
  return planner;
}

export function eventFile(id: number, counter = 0n): OpenFile {
  return { kind: "eventfd", id, flags: 2, counter };
}
