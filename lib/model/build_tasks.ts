import { isExitStatus } from "./exit_status.ts";
import type { Problem } from "../errors.ts";
import type { CoreEntry } from "../gen/core.ts";
import type { PstreeEntry } from "../gen/pstree.ts";
import type { Images } from "../image/images.ts";
import { byteLength } from "./check_names.ts";
import type { Task, Thread } from "./checkpoint.ts";
import { orderTasks } from "./order_tasks.ts";

/** Highest pid that Linux gives on 64 bits (`PID_MAX_LIMIT`, linux/threads.h). */
const PID_MAX = 4194304;

/** `task_state` of images (compel/include/uapi/task-state.h). CRIU writes zombies as dead, which is 2. */
const STATES: ReadonlyMap<number, Task["state"]> = new Map([[1, "alive"], [2, "zombie"], [3, "stopped"], [
  6,
  "zombie",
]]);

/** Longest comm, without its NUL (`TASK_COMM_LEN`, linux/sched.h). */
const COMM_MAX = 15;

/** What the building of tasks has to know and to keep. */
interface TasksContext {
  readonly cores: Images["cores"];
  /** Whether a set id refers to something. */
  readonly isSet: (id: number) => boolean;
  readonly problems: Problem[];
  /** Pids and tids met so far. */
  readonly taken: Set<number>;
}

/** The tasks of a checkpoint, in order. */
export function buildTasks(
  { pstree, cores }: Images,
  { isSet, problems }: Pick<TasksContext, "isSet" | "problems">,
): Task[] {
  const context: TasksContext = { cores, isSet, problems, taken: new Set() };
  const tasks = new Map<number, Task>();
  for (const [index, entry] of pstree.entries()) {
    const where = `pstree.img, entry ${index}, task ${entry.pid}`;
    if (!checkEntry(entry, where, context)) continue;
    const task = buildTask(entry, { where, context });
    if (task !== undefined) tasks.set(task.pid, task);
  }
  return orderTasks(tasks, { known: new Set(pstree.map((entry) => entry.pid)), problems });
}

/** Whether a task can be built from the entry: its pid is good and new. */
function checkEntry({ pid, ppid, pgid, sid }: PstreeEntry, where: string, { problems, taken }: TasksContext): boolean {
  for (const [name, id] of [["parent", ppid], ["group", pgid], ["session", sid]] as const) {
    if (id > PID_MAX) problems.push({ where, what: `its ${name} is ${id}, above the highest pid ${PID_MAX}` });
  }
  return claim(pid, where, { problems, taken });
}

/** Whether `id` can be a pid or tid and is nobody else's. */
function claim(id: number, where: string, { problems, taken }: Pick<TasksContext, "problems" | "taken">): boolean {
  const fresh = !taken.has(id);
  if (!isPid(id)) problems.push({ where, what: `${id} cannot be a pid, those are 1 to ${PID_MAX}` });
  else if (!fresh) problems.push({ where, what: `pid ${id} occurs more than once` });
  taken.add(id);
  return isPid(id) && fresh;
}

function buildTask(
  entry: PstreeEntry,
  { where, context }: { readonly where: string; readonly context: TasksContext },
): Task | undefined {
  const { pid } = entry;
  const { problems } = context;
  const core = context.cores.get(pid);
  const file = whereCore(pid);
  if (core?.tc === undefined) {
    problems.push({ where: file, what: core === undefined ? "the image is missing" : 'the field "tc" is missing' });
    return undefined;
  }
  const { tc } = core;
  const state = STATES.get(tc.taskState);
  if (state === undefined) problems.push({ where: file, what: `the task state ${tc.taskState} is unknown` });
  checkComm(tc.comm, file, problems);
  const zombie = state === "zombie";
  if (zombie && !isExitStatus(tc.exitCode)) {
    problems.push({ where: file, what: `no task can end with the status ${tc.exitCode}` });
  }
  const set = zombie ? undefined : setOf(core, file, context);
  return {
    pid,
    parent: entry.ppid,
    group: entry.pgid,
    session: entry.sid,
    state: state ?? "alive",
    exitStatus: zombie ? tc.exitCode : 0,
    stopSignal: state === "stopped" ? tc.stopSigno ?? 0 : 0,
    childSubreaper: tc.childSubreaper ?? false,
    comm: tc.comm,
    ...(set === undefined ? {} : { set }),
    threads: zombie ? [] : buildThreads(entry, { where, comm: tc.comm, context }),
  };
}

function whereCore(tid: number): string {
  return `core-${tid}.img, entry 0`;
}

/** Whether a number can be the pid of a task. */
export function isPid(number: number): boolean {
  return number >= 1 && number <= PID_MAX;
}

function checkComm(comm: string, where: string, problems: Problem[]): void {
  const bytes = byteLength(comm);
  if (bytes > COMM_MAX) problems.push({ where, what: `the comm has ${bytes} bytes, ${COMM_MAX} is the most` });
  if (comm.includes("\0")) problems.push({ where, what: `the comm ${JSON.stringify(comm.slice(0, 80))} has a NUL` });
}

/** The set of a thread: since CRIU 3.18 with the thread, before that with the task. 0 is none. */
function setOf({ threadCore, tc }: CoreEntry, where: string, { isSet, problems }: TasksContext): number | undefined {
  const id = threadCore?.cgSet || tc?.cgSet || 0;
  if (id === 0) return undefined;
  if (!isSet(id)) problems.push({ where, what: `there is no cgroup set ${id} in cgroup.img` });
  return id;
}

function buildThreads(
  { pid, threads: tids }: PstreeEntry,
  { where, comm, context }: { readonly where: string; readonly comm: string; readonly context: TasksContext },
): Thread[] {
  if (tids[0] !== pid) {
    context.problems.push({ where, what: `its first thread is ${tids[0] ?? "missing"}, it has to be ${pid}` });
  }
  const threads: Thread[] = [];
  for (const tid of tids.slice(1)) {
    if (!claim(tid, `${where}, thread ${tid}`, context)) continue;
    const thread = buildThread(tid, { comm, context });
    if (thread !== undefined) threads.push(thread);
  }
  return threads.sort((a, b) => a.tid - b.tid);
}

function buildThread(
  tid: number,
  { comm, context }: { readonly comm: string; readonly context: TasksContext },
): Thread | undefined {
  const core = context.cores.get(tid);
  const file = whereCore(tid);
  if (core === undefined) {
    context.problems.push({ where: file, what: "the image is missing" });
    return undefined;
  }
  const own = core.threadCore?.comm ?? comm;
  checkComm(own, file, context.problems);
  const set = setOf(core, file, context);
  return { tid, comm: own, ...(set === undefined ? {} : { set }) };
}
