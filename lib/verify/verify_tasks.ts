import { type Problem, SysError } from "../errors.ts";
import { parseProcCgroup } from "../host/parse_proc_cgroup.ts";
import { describeHierarchy } from "../model/hierarchy.ts";
import type { ExpectedTerminal } from "../plan/contents/terminals_plan.ts";
import type { ExpectedTask, Place, Plan } from "../plan/plan.ts";
import { readText } from "../sys/files.ts";
import { FilesAhead } from "../sys/files_ahead.ts";
import type { Sys } from "../sys/sys.ts";
import { parseStat, type TaskStatus } from "./parse_stat.ts";

/** How the tasks of a plan are known here: their pids on this host, and cgrestore's own. */
export interface TaskObserver {
  readonly sys: Sys;
  /** Throws for what the plan did not make. */
  readonly hostPid: (id: number) => number;
}

interface TreeObserver extends TaskObserver {
  /** The text of a file of /proc, by its name there. */
  readonly read: (name: string) => string;
  /** Pid of the root task's parent. */
  readonly rootParent: number;
  /** Of tasks that hold what they held at the dump. */
  readonly terminals: ReadonlyMap<number, ExpectedTerminal> | undefined;
}

/** Reads every task and thread of the plan again, and tells what differs from it. */
export function verifyTasks(observer: TaskObserver, plan: Plan): Problem[] {
  const places = new PlaceComparison(plan.places);
  const rootParent = plan.rootIsSibling ? observer.sys.getppid() : observer.sys.getpid();
  const names = plan.expectedTasks.flatMap((task) => namesOf(observer, task));
  using ahead = new FilesAhead(names, observer.sys.readAhead("/proc", names));
  const read = (name: string) => ahead.takeText(name) ?? readText(observer.sys, `/proc/${name}`);
  const treeObserver = { ...observer, read, rootParent, terminals: plan.contents?.terminals.expected };
  return [
    ...verifyPidNamespace(observer, plan),
    ...plan.expectedTasks.flatMap((task) => [
      ...verifyTask(treeObserver, task, places),
      ...verifyThreads(treeObserver, task, places),
    ]),
  ];
}

/** The files of /proc that tell of a task and its threads, in the order in which they are looked at. */
function namesOf({ hostPid }: TaskObserver, { pid, place, threads }: ExpectedTask): string[] {
  const directory = String(hostPid(pid));
  return [
    `${directory}/stat`,
    ...place === undefined ? [] : [`${directory}/cgroup`],
    ...threads.flatMap(({ tid }) => {
      const thread = `${directory}/task/${hostPid(tid)}`;
      return [`${thread}/stat`, `${thread}/cgroup`];
    }),
  ];
}

/** The root task is in the pid namespace that was to be joined, and all descend from it. */
function verifyPidNamespace({ sys, hostPid }: TaskObserver, { joinedPidNamespace, expectedTasks }: Plan): Problem[] {
  const root = expectedTasks[0];
  if (joinedPidNamespace === undefined || root === undefined) return [];
  return reading(`task ${root.pid} "${root.comm}"`, () => (
    difference("its pid namespace", joinedPidNamespace.link, sys.readLink(`/proc/${hostPid(root.pid)}/ns/pid`))
  ));
}

function verifyTask(observer: TreeObserver, task: ExpectedTask, places: PlaceComparison): Problem[] {
  const where = `task ${task.pid} "${task.comm}"`;
  return reading(where, () => {
    const directory = observer.hostPid(task.pid);
    const found = compareStatus(observer, task, parseStat(observer.read(`${directory}/stat`)));
    if (task.place !== undefined) found.push(...places.compare(task.place, observer.read(`${directory}/cgroup`)));
    return found;
  });
}

function verifyThreads({ read, hostPid }: TreeObserver, task: ExpectedTask, places: PlaceComparison): Problem[] {
  const { pid, threads } = task;
  return readingAll(`the threads of task ${pid}`, () => (
    threads.flatMap(({ tid, comm, place }) => {
      const directory = `${hostPid(pid)}/task/${hostPid(tid)}`;
      const found = [
        ...difference("its name", comm, parseStat(read(`${directory}/stat`)).comm),
        ...places.compare(place, read(`${directory}/cgroup`)),
      ];
      return found.map((what) => ({ where: `thread ${tid} of task ${pid}`, what }));
    })
  ));
}

/** Collects differences; a task that cannot be read is one. */
export function reading(where: string, observe: () => string[]): Problem[] {
  return readingAll(where, () => observe().map((what) => ({ where, what })));
}

/** The same for what knows itself where differences are. */
export function readingAll(where: string, observe: () => Problem[]): Problem[] {
  try {
    return observe();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return [{ where, what: `cannot be read again: ${error.message}` }];
  }
}

function compareStatus(observer: TreeObserver, task: ExpectedTask, status: TaskStatus): string[] {
  const { rootParent, hostPid, terminals } = observer;
  // 0 is "outside of the pid namespace", and undefined "as cgrestore": neither is made by the plan.
  const expectedId = (id: number | undefined, actual: number) => id === undefined || id === 0 ? actual : hostPid(id);
  const parent = task.parent === 0 ? rootParent : hostPid(task.parent);
  const zombie = task.state === "zombie";
  return [
    ...difference("its name", task.comm, status.comm),
    ...difference("its parent", parent, status.parent),
    ...difference("its process group", expectedId(task.group, status.group), status.group),
    ...difference("its session", expectedId(task.session, status.session), status.session),
    ...difference("whether it is a zombie", zombie, status.state === "Z"),
    ...difference("its exit status", zombie ? task.exitStatus : 0, zombie ? status.exitStatus : 0),
    ...compareTerminal(observer, terminals?.get(task.pid), status),
  ];
}

/** The terminal that controls a task's session, where the plan knows it. */
function compareTerminal(
  { hostPid }: TaskObserver,
  expected: ExpectedTerminal | undefined,
  { terminal, foreground }: TaskStatus,
): string[] {
  if (expected === undefined) return [];
  if (terminal !== expected.device) {
    return [`its terminal is ${terminal.toString(16)}, and should be ${expected.device.toString(16)}`];
  }
  const wanted = expected.foreground === undefined ? -1 : hostPid(expected.foreground);
  return difference("the group in the foreground of its terminal", wanted, foreground);
}

function difference<T>(what: string, expected: T, actual: T): string[] {
  return expected === actual ? [] : [`${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}`];
}

/** Compares `/proc/PID/cgroup` with places; tasks of one place say the same text, which is parsed once. */
class PlaceComparison {
  readonly #right = new Map<number, string>();

  constructor(readonly places: readonly Place[]) {}

  compare(index: number, text: string): string[] {
    if (this.#right.get(index) === text) return [];
    const actual = new Map(parseProcCgroup(text).map(({ hierarchy, path }) => [hierarchy, path]));
    const found = (this.places[index]?.members ?? []).flatMap(({ hierarchy, path }) => (
      difference(`its cgroup in ${describeHierarchy(hierarchy)}`, path, actual.get(hierarchy) ?? whereNoneIs(path))
    ));
    if (found.length === 0) this.#right.set(index, text);
    return found;
  }
}

/** A hierarchy that has no cgroups may have been removed meanwhile: the task was at its root then. */
function whereNoneIs(path: string): string {
  return path === "/" ? path : "none";
}
