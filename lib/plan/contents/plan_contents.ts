import type { Problem } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { MappingContent, Range } from "../../model/address_space.ts";
import type { Contents } from "../../model/contents.ts";
import type { Descriptor } from "../../model/open_file.ts";
import type { TaskState } from "../../model/task_state.ts";
import type { ContentsPlan, DescriptorStep, TaskContents } from "./contents_plan.ts";
import type { DescriptorAction } from "./descriptor_action.ts";
import { expectMappings } from "./expected_mapping.ts";
import { FilePlanner } from "./file_planner.ts";
import { writableInode } from "./files/plan_memory_file.ts";
import { planSegment } from "./files/plan_segment.ts";
import { Inheritance } from "./inheritance.ts";
import type { ExpectedTask, PlanOptions, TaskProgram } from "../plan.ts";
import { planFile } from "./plan_file.ts";
import type { Inherited } from "./plan_inherited.ts";
import { type ExpectedLock, planLocks } from "./plan_locks.ts";
import { planMappedFile } from "./plan_mapped_file.ts";
import { planMemory, type SharedMemory } from "./plan_memory.ts";
import { planOwners } from "./plan_owners.ts";
import { sharingProblems } from "./plan_sharing.ts";
import { planTaskState, planThread } from "./plan_state.ts";
import { planTerminals } from "./plan_terminals.ts";

/** What planning contents has to know. */
export interface ContentsQuestions {
  readonly contents: Contents;
  readonly host: Host;
  /** How the tasks are made, makers first, helpers included. */
  readonly programs: readonly TaskProgram[];
  /** The tasks as they will be, the root first. */
  readonly tasks: readonly ExpectedTask[];
  readonly options: Pick<PlanOptions, "externalUnixSockets" | "shellJob">;
}

/** Addresses are looked at in blocks of 1 TiB, of which a task has but a few in use. */
const BLOCK = 2 ** 40;
/** Tasks have 47 bits of addresses (Documentation/arch/x86/x86_64/mm.rst), the last of which we leave alone. */
const LAST_BLOCK = 2 ** 7 - 1;
/** Kept free at both ends: a heap may need to grow, and a stack. */
const MARGIN = 2 ** 30;
/** First kernel with PR_TIMER_CREATE_RESTORE_IDS. */
const CHOSEN_TIMER_IDS = [6, 16] as const;

/** How far behind the agent things are mapped for a while. */
const SCRATCH = 2 ** 38;

/** What came of planning contents. */
export interface PlannedContents {
  readonly plan: ContentsPlan;
  readonly problems: readonly Problem[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** Plans what gives the tasks of a tree what they held. */
export function planContents(questions: ContentsQuestions): PlannedContents {
  const problems: Problem[] = sharingProblems(questions.programs, questions.contents);
  if (questions.host.own.hasSeccomp) {
    problems.push({ where: "cgrestore", what: "it is under seccomp, as the tasks would be" });
  }
  const { contents, host, programs, options, tasks } = questions;
  const files = new FilePlanner(contents, host, problems, { ...options, tasks });
  const free = findFreeRange(contents);
  if (free.end === 0) problems.push({ where: "memory", what: "no range of addresses is free in all tasks" });
  const draft: Draft = {
    ...{ questions, files, problems },
    free,
    scratch: free.start + SCRATCH,
    emptySegments: new Set(contents.segments.keys()),
    tables: new Set(),
    births: planBirthMemory(questions),
    choosesTimerIds: isAtLeast(host.kernel, CHOSEN_TIMER_IDS),
    controlsHugePages: [...contents.tasks.values()].some(({ memory }) => memory.hugePagesDisabled),
  };
  const quietTasks = programs.flatMap((program) => planTask(draft, program));
  files.finish();
  planOwners(files);
  const locks = planLocks(files);
  const taskContents = quietTasks.map((task) => addActions(task, { contents, actions: files.actions, locks }));
  const terminals = planTerminals(files);
  const firstDescriptor = 1 + Math.max(0, ...[...contents.tables.values()].flat().map(({ fd }) => fd));
  return {
    plan: {
      free,
      firstDescriptor,
      earlyFiles: files.early,
      lateFiles: files.late,
      lastFiles: files.last,
      handles: files.count,
      expectedFiles: files.expected,
      keptDescriptors: [...files.terminals.kept].sort((a, b) => a - b),
      terminals,
      components: host.components,
      choosesTimerIds: draft.choosesTimerIds,
      ownCapabilities: host.own,
      tasks: taskContents,
    },
    problems,
    notes: files.notes,
  };
}

/** A table may belong to several tasks: the one that fills it is the one that uses it. */
function addActions(
  task: TaskContents,
  { contents, actions, locks }: {
    readonly contents: Contents;
    readonly actions: ReadonlyMap<number, readonly DescriptorAction[]>;
    readonly locks: ReadonlyMap<number, readonly ExpectedLock[]>;
  },
): TaskContents {
  const table = contents.tasks.get(task.pid)?.table;
  if (task.descriptors === undefined || table === undefined) return task;
  return { ...task, descriptorActions: actions.get(table) ?? [], expectedLocks: locks.get(table) ?? [] };
}

function isAtLeast([major, minor]: readonly [number, number], [wanted, least]: readonly [number, number]): boolean {
  return major > wanted || major === wanted && minor >= least;
}

interface Draft {
  readonly questions: ContentsQuestions;
  readonly files: FilePlanner;
  readonly problems: Problem[];
  readonly free: Range;
  readonly scratch: number;
  readonly emptySegments: Set<number>;
  /** Tables that a task planned before has. */
  readonly tables: Set<number>;
  /** What tasks are born with, by pid. */
  readonly births: ReadonlyMap<number, Inherited>;
  readonly choosesTimerIds: boolean;
  /** Whether some task has huge pages disabled, which is inherited as well. */
  readonly controlsHugePages: boolean;
}

/** What tasks are born with, by pid; those that are not among them are born with nothing. */
function planBirthMemory({ contents, programs }: ContentsQuestions): Map<number, Inherited> {
  const inheritance = new Inheritance(contents);
  const births = new Map<number, Inherited>();
  const fillers = new Set(programs.filter(isFiller).map(({ pid }) => pid));
  for (const { pid, maker } of programs) {
    const from = contents.tasks.get(maker)?.memory;
    if (fillers.has(maker) && from !== undefined) births.set(pid, { mappings: inheritance.find(maker, pid), from });
    else if (births.has(maker)) births.set(pid, { mappings: [] });
  }
  return births;
}

function isFiller({ steps }: TaskProgram): boolean {
  return steps.some(({ kind }) => kind === "restore-memory");
}

function planTask(draft: Draft, program: TaskProgram): TaskContents[] {
  const { pid } = program;
  const { problems, choosesTimerIds } = draft;
  const { contents, host } = draft.questions;
  const state = contents.tasks.get(pid);
  if (state === undefined) return [];
  const descriptors = planDescriptors(draft, pid, state.table);
  const threads = [pid, ...program.threads.map(({ tid }) => tid)];
  return [{
    pid,
    isFiller: isFiller(program),
    ...draft.controlsHugePages ? { hugePagesDisabled: state.memory.hugePagesDisabled } : {},
    memory: planTaskMemory(draft, pid, state),
    expectedMappings: expectMappings(state.memory, contents),
    ...executableOf(contents, state),
    ...descriptors === undefined ? {} : { descriptors },
    descriptorActions: [],
    expectedLocks: [],
    directories: planDirectories(draft, pid, state),
    ...planTaskState(state, { pid, contents, host, choosesTimerIds, threads, problems }),
    threads: threads.flatMap((tid) => {
      const thread = contents.threads.get(tid);
      return thread === undefined ? [] : [planThread(thread, { pid, tid, host, problems })];
    }),
  }];
}

/** What the link to it says, where its name has not gone. */
function executableOf(contents: Contents, { memory }: TaskState): Pick<TaskContents, "executable"> {
  const file = contents.files.get(memory.executable);
  return file?.kind === "path" && file.remap === undefined ? { executable: file.path } : {};
}

function planTaskMemory({ questions, files, births, ...draft }: Draft, pid: number, state: TaskState) {
  const holder = `task ${pid}, memory`;
  const inherited = births.get(pid);
  return planMemory(state.memory, {
    ...draft,
    pid,
    ...inherited === undefined ? {} : { inherited },
    fileHandle: (file, openFlags) => planMappedFile(files, { file, openFlags }, holder),
    executable: planMappedFile(files, { file: state.memory.executable, openFlags: 0 }, `task ${pid}, executable`),
    segments: questions.contents.segments,
    segmentHandle: (segment) => planSegment(files, segment),
    sharedBy: (content) => sharedBy(files, content),
    held: heldMemory(files, questions.contents.tables.get(state.table) ?? []),
  });
}

function sharedBy(files: FilePlanner, content: MappingContent): SharedMemory | undefined {
  if (content.kind === "segment") return { segment: content.segment, handle: planSegment(files, content.segment) };
  return content.kind === "file" ? memoryOf(files, content.file) : undefined;
}

/** The content of a memfd that has been planned. */
function memoryOf(files: FilePlanner, id: number): SharedMemory | undefined {
  const file = files.contents.files.get(id);
  if (file?.kind !== "memfd") return undefined;
  const handle = writableInode(files, file.inode);
  return handle === undefined ? undefined : { segment: file.inode.segment, handle };
}

function heldMemory(files: FilePlanner, descriptors: readonly Descriptor[]): SharedMemory[] {
  return descriptors.flatMap(({ file }) => memoryOf(files, file) ?? []);
}

/** Absent for a table that a task planned before has as well. */
function planDescriptors({ questions, files, tables }: Draft, pid: number, table: number) {
  if (tables.has(table)) return undefined;
  tables.add(table);
  return (questions.contents.tables.get(table) ?? []).flatMap(({ fd, file, closeOnExec }): DescriptorStep[] => {
    const handle = planFile(files, file, `task ${pid}, descriptor ${fd}`);
    return handle === undefined ? [] : [{ fd, handle, closeOnExec }];
  });
}

const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;

function planDirectories({ questions, files }: Draft, pid: number, { directories }: TaskState) {
  const { working, root, umask } = directories;
  const isRoot = questions.contents.files.get(root)?.kind === "path" && pathOf(questions.contents, root) === "/";
  const open = (file: number, what: string) => (
    planMappedFile(files, { file, openFlags: O_DIRECTORY | O_PATH }, `task ${pid}, ${what}`) ?? 0
  );
  return {
    working: open(working, "working directory"),
    root: isRoot ? undefined : open(root, "root directory"),
    umask,
  };
}

function pathOf({ files }: Contents, id: number): string | undefined {
  const file = files.get(id);
  return file?.kind === "path" ? file.path : undefined;
}

/** The lowest block of addresses in which no task has anything. */
function findFreeRange({ tasks }: Contents): Range {
  const taken = new Set([0]);
  for (const { memory } of tasks.values()) {
    for (const { start, end } of memory.mappings) {
      for (let block = Math.floor(start / BLOCK); block < LAST_BLOCK && block * BLOCK < end; block++) taken.add(block);
    }
  }
  let block = 1;
  while (taken.has(block)) block++;
  if (block >= LAST_BLOCK) return { start: 0, end: 0 };
  return { start: block * BLOCK + MARGIN, end: (block + 1) * BLOCK - MARGIN };
}
