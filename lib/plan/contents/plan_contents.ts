import type { Problem } from "../../errors.ts";
import type { Host, HostVdso, OwnState } from "../../host/host.ts";
import type { MappingContent } from "../../model/address_space.ts";
import type { Checkpoint } from "../../model/checkpoint.ts";
import type { Contents } from "../../model/contents.ts";
import type { Descriptor } from "../../model/open_file.ts";
import type { NetNamespace } from "../../model/namespaces.ts";
import { netsOf } from "../../model/net_numbers.ts";
import type { TaskState } from "../../model/task_state.ts";
import type { ContentsPlan, DescriptorStep, ObsoleteName, TaskContents } from "./contents_plan.ts";
import type { DescriptorAction } from "./descriptor_action.ts";
import { expectMappings, type MappingNames } from "./expected_mapping.ts";
import { FilePlanner, type FilePlannerOptions } from "./file_planner.ts";
import { placesOf } from "./file_questions.ts";
import { planGhosts } from "./files/plan_ghost.ts";
import { isAtLeast } from "./kernel_version.ts";
import { checkInheritedFiles, notesOnInheritedFiles } from "./files/plan_inherited_file.ts";
import { fillLooseMemory, isFilledFirst, writableInode } from "./files/plan_memory_file.ts";
import { planSegment } from "./files/plan_segment.ts";
import { Inheritance } from "./inheritance.ts";
import type { SystemSegments } from "./memory/plan_attachments.ts";
import type { MountPlaces } from "./namespaces/mount_places.ts";
import { withOwnNetwork } from "./namespaces/own_network.ts";
import { notesOnOptions } from "./namespaces/plan_devices.ts";
import { delayReadOnly } from "./namespaces/delay_read_only.ts";
import { notesOnMounts } from "./namespaces/plan_mounts.ts";
import { type NamespaceQuestions, planNamespaces } from "./namespaces/plan_namespaces.ts";
import { type OuterState, outerState, withUserNamespace } from "./namespaces/user_host.ts";
import { findFreeAddresses, findLowAddresses, type FreeAddresses } from "./memory/free_addresses.ts";
import type { Entrance, ExpectedTask, PlanOptions, TaskProgram } from "../plan.ts";
import type { TaskQuestions } from "../plan_tasks.ts";
import { planNullFile } from "./files/plan_path.ts";
import { assignDeputies } from "./plan_deputies.ts";
import { planFile } from "./plan_file.ts";
import { checkHugePages } from "./memory/huge_pages.ts";
import { checkOpenFiles, planOwnLimits } from "./memory/plan_own_limits.ts";
import { planRings } from "./memory/plan_rings.ts";
import { notesOnBuffers } from "./files/notes_on_buffers.ts";
import { hadKeys, notesOnKeys } from "./memory/protection_keys.ts";
import { KernelVdso, planVdso, type VdsoPlan, withoutVdso } from "./memory/plan_vdso.ts";
import type { Inherited } from "./plan_inherited.ts";
import { type ExpectedLock, planLocks } from "./plan_locks.ts";
import { mappedName, planMappedFile } from "./plan_mapped_file.ts";
import { planMemory, type SharedMemory } from "./plan_memory.ts";
import { planNetworkUnlock } from "./plan_network_unlock.ts";
import { planOwners } from "./plan_owners.ts";
import { sharingProblems } from "./plan_sharing.ts";
import { planTaskState, planThread } from "./plan_state.ts";
import { planTerminals } from "./plan_terminals.ts";

/** What planning contents has to know. */
export interface ContentsQuestions {
  readonly checkpoint: Pick<Checkpoint, "namespaces" | "strangers" | "externalPidNamespace">;
  readonly contents: Contents;
  readonly host: Host;
  /** How the tasks are made, makers first, helpers included. */
  readonly programs: readonly TaskProgram[];
  /** The tasks as they will be, the root first. */
  readonly tasks: readonly ExpectedTask[];
  readonly options:
    & Omit<FilePlannerOptions, "tasks" | "places" | "nestedNetworks" | "madeCgroups">
    & Pick<
      PlanOptions,
      "leavesNetEmpty" | "mayLackSettings" | "mounts" | "outerEnds" | "parents" | "profile" | "joins"
    >;
  /** As of `TasksPlan`. */
  readonly entrances: readonly (Entrance | undefined)[];
  /** Whether the root task is made by cgrestore itself. */
  readonly rootIsSibling: boolean;
  /** Paths here of the cgroups that are made before the tasks, where their hierarchies are mounted. */
  readonly madeCgroups: ReadonlySet<string>;
  /** Whether the tasks are made in a new pid namespace. */
  readonly newPidNamespace: boolean;
  /** As for tasks: where the root unshares its cgroup namespace. */
  readonly namespaceRoot?: TaskQuestions["namespaceRoot"];
}

const NO_ADDRESSES: FreeAddresses = { start: 0, end: 0, scratch: 0, kept: 0 };
/** First kernel with PR_TIMER_CREATE_RESTORE_IDS. */
const CHOSEN_TIMER_IDS = [6, 16] as const;

/** What came of planning contents. */
export interface PlannedContents {
  readonly plan: ContentsPlan;
  readonly problems: readonly Problem[];
  /** What is not as it was, and what only the user can put up with. */
  readonly losses: readonly Problem[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** Plans what gives the tasks of a tree what they held. */
export function planContents(outside: ContentsQuestions): PlannedContents {
  const { checkpoint, contents, options } = outside;
  const host = withUserNamespace(outside.host, contents);
  const draft = beginDraft({ ...outside, host }, outside.host.own);
  const { files, problems, free, choosesTimerIds } = draft;
  const networkUnlock = planNetworkUnlock(contents, checkpoint.namespaces);
  const notes: string[] = [];
  const losses: Problem[] = [];
  const namespaces = planOwnNamespaces(draft, { notes, losses });
  const taskPlans = planTasks(draft);
  const terminals = planTerminals(files);
  return {
    plan: {
      namespaces: withGhosts(namespaces, files),
      free,
      ...planOpenFiles(draft, namespaces),
      ...assignDeputies(
        { earlyFiles: [...files.early, ...planGhosts(files)], lateFiles: files.late },
        { ...outside, contents: taskPlans.tasks },
      ),
      ownLimits: planOwnLimits(host),
      ...networkUnlock === undefined ? {} : { networkUnlock },
      terminals,
      components: host.components,
      choosesTimerIds,
      ownCapabilities: host.own,
      ...taskPlans,
    },
    problems,
    losses: [...losses, ...files.losses],
    notes: [
      ...notes,
      ...files.notes,
      ...notesOnInheritedFiles(files),
      ...notesOnKeys(contents, host),
      ...notesOnBuffers(contents, host),
      ...notesOnMounts(contents.namespaces.mounts ?? [], options.mounts),
      ...notesOnOptions(draft.nets[0], options),
    ],
  };
}

/** What can be said before single tasks are looked at. */
function beginDraft(questions: ContentsQuestions, own: OwnState): Draft {
  const { checkpoint, contents, host, programs, tasks, options, madeCgroups } = questions;
  const problems = [...sharingProblems(programs, contents)];
  if (host.own.hasSeccomp) problems.push({ where: "cgrestore", what: "it is under seccomp, as the tasks would be" });
  const nets = planNetContents(questions);
  const places = placesOf(contents, options.mounts);
  const [first = host, ...nestedNetworks] = nets.map((net) => withOwnNetwork(host, net));
  const seen = withMadeFiles(first, places);
  const files = new FilePlanner(contents, seen, problems, { ...options, tasks, places, nestedNetworks, madeCgroups });
  checkInheritedFiles(files);
  // It has been planned with the tasks, and is no file that nothing needs.
  if (checkpoint.externalPidNamespace !== undefined) files.inherited(checkpoint.externalPidNamespace);
  const free = findFreeAddresses([...contents.tasks.values()].map(({ memory }) => memory)) ?? NO_ADDRESSES;
  if (free === NO_ADDRESSES) problems.push({ where: "memory", what: "no 4 GiB of addresses are free in all tasks" });
  checkHugePages(contents, host.memory, problems);
  const vdsos = planVdsos(questions, { aside: free.kept, problems });
  return {
    ...{ questions, files, problems, nets, free, vdsos },
    outerState: contents.namespaces.user === undefined ? [] : outerState(own, contents.tasks.values()),
    systemSegments: new Map(contents.namespaces.ipc?.segments.map((segment) => [segment.id, segment])),
    emptySegments: emptySegments(contents),
    tables: new Set(),
    births: planBirthMemory(questions, vdsos),
    choosesTimerIds: isAtLeast(host.kernel, CHOSEN_TIMER_IDS),
    controlsHugePages: [...contents.tasks.values()].some(({ memory }) => memory.hugePagesDisabled),
  };
}

function planOwnNamespaces(
  draft: Draft,
  { notes, losses }: Pick<NamespaceQuestions, "notes" | "losses">,
): ContentsPlan["namespaces"] {
  const { questions, files, problems, outerState, nets: [net, ...nestedNets] } = draft;
  const { checkpoint, contents, host, programs, rootIsSibling, newPidNamespace, namespaceRoot, options } = questions;
  return planNamespaces({
    ...{ checkpoint, host, places: files.options.places, rootIsSibling, namespaceRoot, problems, losses, notes },
    ...{ held: contents, newPidNamespace, outerState, programs },
    handle: (key) => files.handle(key).handle,
    sharesDescriptors: new Set([...contents.tasks.values()].map(({ table }) => table)).size < contents.tasks.size,
    contents: {
      ...contents.namespaces,
      ...net === undefined ? {} : { net },
      ...nestedNets.length === 0 ? {} : { nestedNets },
    },
    inherited: (key) => files.inherited(key),
    ...{ outerEnds: options.outerEnds, parents: options.parents, joins: options.joins },
    mayLackSettings: options.mayLackSettings,
    scratch: draft.free.kept,
  });
}

/** All tasks, and with them all files. */
function planTasks(draft: Draft): Pick<ContentsPlan, "tasks" | "nullFile"> {
  const { questions: { contents, programs }, files } = draft;
  const quiet = programs.flatMap((program) => planTask(draft, program));
  const nullFile = quiet.some(({ rings }) => rings.length > 0) ? { nullFile: planNullFile(files) } : {};
  files.finish();
  fillLooseMemory(files, draft.emptySegments);
  planOwners(files);
  const locks = planLocks(files);
  return { tasks: quiet.map((task) => addActions(task, { contents, actions: files.actions, locks })), ...nullFile };
}

/** When nothing more is added to the files. */
function planOpenFiles(
  { questions: { contents, host }, files, problems }: Draft,
  { mounts, user }: ContentsPlan["namespaces"],
) {
  const firstDescriptor = 1 + [...contents.tables.values()].flat().reduce((most, { fd }) => Math.max(most, fd), 0);
  const mountFiles = (mounts?.steps.length ?? 0) + 2 * (mounts?.nested?.namespaces.length ?? 0);
  const openFiles = Math.max(files.count, mountFiles);
  checkOpenFiles(firstDescriptor + openFiles + (user?.images.length ?? 0), { host, problems });
  return {
    firstDescriptor,
    openFiles,
    helperFiles: files.helped,
    lastFiles: files.last,
    finalFiles: files.final,
    obsoleteNames: obsoleteNames(files),
    expectedFiles: files.expected,
    keptDescriptors: keptDescriptors(files),
  };
}

/** Files without names are made with names, also where nothing can be made later. */
function withGhosts(namespaces: ContentsPlan["namespaces"], files: FilePlanner): ContentsPlan["namespaces"] {
  const { options: { places }, ghosts } = files;
  if (namespaces.mounts === undefined || places === undefined) return namespaces;
  const mounts = [...ghosts.values()].flatMap(({ names, seen: { namespace } }) => (
    [...names.keys()].flatMap((path) => places.mountAt(path, namespace) ?? [])
  ));
  return { ...namespaces, mounts: delayReadOnly(namespaces.mounts, mounts) };
}

/** This host as the tasks see it when their mounts are there. */
function withMadeFiles(host: Host, places: MountPlaces | undefined): Host {
  return places === undefined ? host : { ...host, files: new Map([...host.files, ...places.madeFiles()]) };
}

/** What is to be in the net namespaces, by their numbers: nothing where others set them up. */
function planNetContents({ contents: { namespaces }, options }: ContentsQuestions): NetNamespace[] {
  return netsOf(namespaces).map((net) => net.kind === "own" && options.leavesNetEmpty ? { kind: "empty" } : net);
}

/** Segments that the tasks fill. */
function emptySegments({ segments, files }: Contents): Set<number> {
  const empty = new Set(segments.keys());
  for (const file of files.values()) {
    if (file.kind === "memfd" && isFilledFirst(file.inode)) empty.delete(file.inode.segment);
  }
  return empty;
}

/** Descriptors of cgrestore that the coordinator uses. */
function keptDescriptors({ options, terminals }: FilePlanner): number[] {
  const kept = new Set([...terminals.kept, ...options.inheritedFiles.map(({ fd }) => fd)]);
  return [...kept].sort((a, b) => a - b);
}

/** The names by which the dump has linked files that had lost theirs. */
function obsoleteNames(planner: FilePlanner): ObsoleteName[] {
  const names = new Map<string, ObsoleteName>();
  for (const file of planner.contents.files.values()) {
    if (file.kind !== "path" || file.remap?.kind !== "linked") continue;
    const { path } = file.remap;
    const seen = planner.seenFrom(file.mount);
    names.set(seen.nameOf(path), { path, mountNamespace: seen.namespace });
  }
  return [...names.values()];
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

interface Draft {
  readonly questions: ContentsQuestions;
  readonly files: FilePlanner;
  readonly problems: Problem[];
  /** What is to be in the net namespaces, by their numbers. */
  readonly nets: readonly NetNamespace[];
  readonly free: FreeAddresses;
  /** What the tasks have to be born with in a user namespace. */
  readonly outerState: readonly OuterState[];
  /** By pid. */
  readonly vdsos: ReadonlyMap<number, VdsoPlan>;
  readonly systemSegments: SystemSegments;
  readonly emptySegments: Set<number>;
  /** Tables that a task planned before has. */
  readonly tables: Set<number>;
  /** What tasks are born with, by pid. */
  readonly births: ReadonlyMap<number, Inherited>;
  readonly choosesTimerIds: boolean;
  /** Whether some task has huge pages disabled, which is inherited as well. */
  readonly controlsHugePages: boolean;
}

/** The vdso of each task, by pid. */
function planVdsos(
  { contents, host, programs }: ContentsQuestions,
  { aside, problems }: { readonly aside: number; readonly problems: Problem[] },
): Map<number, VdsoPlan> {
  const { vdso, compat, pages } = host.memory;
  const kernels = { native: openVdso(vdso), compat: openVdso(compat?.vdso) };
  return new Map(programs.flatMap(({ pid, threads }) => {
    const task = contents.tasks.get(pid);
    if (task === undefined) return [];
    const instructions = [pid, ...threads.map(({ tid }) => tid)].flatMap((tid) => instructionOf(contents, tid));
    const common = { pid, instructions, pages, problems };
    if (contents.threads.get(pid)?.registers.isCompat !== true) {
      return [[pid, planVdso(task.memory, { ...common, isCompat: false, own: kernels.native, aside })] as const];
    }
    // That this kernel does not run such programs is told of each thread.
    if (compat === undefined) return [[pid, withoutVdso(task.memory)] as const];
    const low = findLowAddresses(task.memory);
    return [
      [pid, planVdso(task.memory, { ...common, isCompat: true, own: kernels.compat, aside: low?.kept })] as const,
    ];
  }));
}

function openVdso(vdso: HostVdso | undefined): KernelVdso | undefined {
  return vdso === undefined ? undefined : new KernelVdso(vdso);
}

/** Index of rip in `struct user_regs_struct`. */
const INSTRUCTION = 16;

function instructionOf({ threads }: Contents, tid: number): number[] {
  const address = threads.get(tid)?.registers.general[INSTRUCTION];
  return address === undefined ? [] : [Number(address)];
}

/** What tasks are born with, by pid; those that are not among them are born with nothing. */
function planBirthMemory(
  { contents, programs }: ContentsQuestions,
  vdsos: ReadonlyMap<number, VdsoPlan>,
): Map<number, Inherited> {
  const inheritance = new Inheritance(contents);
  const births = new Map<number, Inherited>();
  const fillers = new Set(programs.filter(isFiller).map(({ pid }) => pid));
  for (const { pid, maker } of programs) {
    const from = vdsos.get(maker)?.space;
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
  const { problems, choosesTimerIds, files } = draft;
  const { contents, host, options } = draft.questions;
  const { securityModule } = contents;
  const state = contents.tasks.get(pid);
  const vdso = draft.vdsos.get(pid);
  if (state === undefined || vdso === undefined) return [];
  const descriptors = planDescriptors(draft, pid, state.table);
  const threads = [pid, ...program.threads.map(({ tid }) => tid)];
  return [{
    pid,
    isFiller: isFiller(program),
    ...draft.controlsHugePages ? { hugePagesDisabled: state.memory.hugePagesDisabled } : {},
    memory: planTaskMemory(draft, pid, { state, vdso }),
    rings: planRings(state.memory, { pid, host: host.memory, problems }),
    expectedMappings: [...vdso.expected, ...expectMappings(vdso.space, mappingNames(draft))]
      .sort((a, b) => a.start - b.start),
    links: linksOf(files, state),
    ...descriptors === undefined ? {} : { descriptors },
    descriptorActions: [],
    expectedLocks: [],
    directories: planDirectories(draft, pid, state),
    ...planTaskState(state, { pid, contents, host, choosesTimerIds, threads, problems }),
    threads: threads.flatMap((tid) => {
      const thread = contents.threads.get(tid);
      if (thread === undefined) return [];
      return [planThread(thread, { pid, tid, host, securityModule, chosenProfile: options.profile, problems })];
    }),
  }];
}

function mappingNames({ files, systemSegments }: Draft): MappingNames {
  return {
    ofFile: (file) => mappedName(files, file),
    ofSystemSegment(id) {
      const key = systemSegments.get(id)?.key ?? 0;
      return `/SYSV${key.toString(16).padStart(8, "0")} (deleted)`;
    },
  };
}

/** What the links to executable and directories say. */
function linksOf(files: FilePlanner, { memory, directories }: TaskState): TaskContents["links"] {
  const [exe, cwd, root] = [memory.executable, directories.working, directories.root].map((file) => (
    mappedName(files, file)
  ));
  return {
    ...exe === undefined ? {} : { exe },
    ...cwd === undefined ? {} : { cwd },
    ...root === undefined ? {} : { root },
  };
}

function planTaskMemory(
  { questions, files, births, ...draft }: Draft,
  pid: number,
  { state, vdso }: { readonly state: TaskState; readonly vdso: VdsoPlan },
) {
  const holder = `task ${pid}, memory`;
  const inherited = births.get(pid);
  return planMemory(vdso.space, {
    ...draft,
    pid,
    vdso,
    host: questions.host,
    ...inherited === undefined ? {} : { inherited },
    fileHandle: (file, openFlags) => planMappedFile(files, { file, openFlags }, holder),
    executable: planMappedFile(files, { file: state.memory.executable, openFlags: 0 }, `task ${pid}, executable`),
    segments: questions.contents.segments,
    segmentHandle: (segment) => planSegment(files, segment),
    sharedBy: (content) => sharedBy(files, content),
    fileSize: (file) => fileSize(questions.contents, file),
    hadKeys: hadKeys(questions.contents, pid),
    held: heldMemory(files, questions.contents.tables.get(state.table) ?? []),
  });
}

function fileSize({ files }: Contents, id: number): number | undefined {
  const file = files.get(id);
  return file?.kind === "path" ? file.size : undefined;
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
