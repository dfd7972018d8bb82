import type { Problem } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { Contents } from "../../model/contents.ts";
import type { ExpectedTask, PlanOptions } from "../plan.ts";
import type { Handle } from "./contents_plan.ts";
import type { DescriptorAction } from "./descriptor_action.ts";
import type { ExpectedFile } from "./expected_file.ts";
import { deadTasksOf } from "./file_questions.ts";
import type { FileStep } from "./file_step.ts";
import type { MountPlaces } from "./namespaces/mount_places.ts";
import { Companions } from "./companions.ts";
import { SeenFiles } from "./seen_files.ts";
import { Holders } from "./holder.ts";
import type { GhostDraft } from "./files/plan_ghost.ts";
import type { MasterOpening, SessionStep, TerminalAdoption } from "./terminals_plan.ts";

/** What planning files has to know besides the files and the host. */
export interface FilePlannerOptions extends
  Pick<
    PlanOptions,
    "connections" | "externalUnixSockets" | "fileValidation" | "inheritedFiles" | "shellJob" | "skipFileRwxCheck"
  > {
  /** The tasks as they will be, the root first. */
  readonly tasks: readonly ExpectedTask[];
  /** Where the paths of the tasks lead to; absent where they are those of this host. */
  readonly places?: MountPlaces | undefined;
  /** Paths of cgroups that are made before files are opened. */
  readonly madeCgroups?: ReadonlySet<string>;
  /** What sockets find in net namespaces that are not the root task's: from number 1 on. */
  readonly nestedNetworks?: readonly SeenNetwork[];
}

const NONE: ReadonlySet<string> = new Set();

/** What sockets find in a net namespace. */
export type SeenNetwork = Pick<Host, "network" | "unix">;

/** What comes of planning terminals. */
export interface TerminalsDraft {
  readonly masters: MasterOpening[];
  readonly sessionSteps: SessionStep[];
  readonly adoptions: TerminalAdoption[];
  /** Masters that the caller gets. */
  readonly given: Handle[];
  /** Descriptors of cgrestore that the coordinator is born with. */
  readonly kept: Set<number>;
}

/** What planning files works with, and what comes of it. One for each restore. */
export class FilePlanner {
  /** Files that can be made before any task is. */
  readonly early: FileStep[] = [];
  /** Files of tasks that have ended: made while helpers stand in for these. */
  readonly helped: FileStep[] = [];
  /** Files that are made when all tasks are there. */
  readonly late: FileStep[] = [];
  /** What is done to files when all tasks have what they hold. */
  readonly last: FileStep[] = [];
  /** Files without a name, by their id: each is made in one step with all its openings. */
  readonly ghosts = new Map<number, GhostDraft>();
  /** What is done to files when everything is verified, and cannot be undone. */
  readonly final: FileStep[] = [];
  readonly expected = new Map<Handle, ExpectedFile>();
  /** Pids of tasks that have ended, but of which files in /proc are open. */
  readonly deadTasks: ReadonlySet<number>;
  /** What is done by tasks, in the order in which it is, by the id of the table whose descriptors it is done to. */
  readonly actions = new Map<number, DescriptorAction[]>();
  /** What the user should know. */
  readonly notes: string[] = [];
  /** What is not as it was, and what only the user can put up with. */
  readonly losses: Problem[] = [];
  readonly terminals: TerminalsDraft = { masters: [], sessionSteps: [], adoptions: [], given: [], kept: new Set() };
  readonly #handles = new Map<string, Handle>();
  readonly #deferred: (() => void)[] = [];
  readonly #usedKeys = new Set<string>();
  #count: Handle = 0;
  #holders: Holders | undefined;
  #companions: Companions | undefined;

  constructor(
    readonly contents: Contents,
    readonly host: Pick<
      Host,
      "files" | "inherited" | "kernel" | "mounts" | "network" | "outsiders" | "own" | "terminal" | "unix"
    >,
    readonly problems: Problem[],
    readonly options: FilePlannerOptions,
  ) {
    this.deadTasks = new Set(deadTasksOf(contents));
  }

  /** Which tasks have open files. */
  get holders(): Holders {
    return this.#holders ??= new Holders(this.contents);
  }

  /** Which open files are planned together. */
  get companions(): Companions {
    return this.#companions ??= new Companions(this.contents.files.values());
  }

  /** What is found from the mount namespace that a mount is in; without one, from that of the root task. */
  seenFrom(mount: number | undefined): SeenFiles {
    const { places, madeCgroups = NONE } = this.options;
    return new SeenFiles(this.host.files, places, places?.namespaceOf(mount) ?? 0, madeCgroups);
  }

  /** What sockets find in the net namespace of the tasks that has this number. */
  networkSeenIn(number: number): SeenNetwork {
    return this.options.nestedNetworks?.[number - 1] ?? this.host;
  }

  /** The number of the net namespace of a task. */
  networkOf(pid: number): number {
    return this.contents.namespaces.netNamespaces?.get(pid) ?? 0;
  }

  /** How many handles there are. */
  get count(): number {
    return this.#count;
  }

  /** The handle that is known by `key`; a new one, whose step the caller adds, when there is none. */
  handle(key: string): { readonly handle: Handle; readonly isNew: boolean } {
    const known = this.#handles.get(key);
    if (known !== undefined) return { handle: known, isNew: false };
    const handle = this.#count++;
    this.#handles.set(key, handle);
    return { handle, isNew: true };
  }

  /** The handle of an open file of the checkpoint, which is not known yet. */
  fileHandle(id: number, expected: ExpectedFile): Handle {
    const { handle } = this.handle(fileKey(id));
    this.expected.set(handle, expected);
    return handle;
  }

  /** Makes a handle known by one more key, with what is expected of descriptors of it. */
  know(key: string, handle: Handle, expected: ExpectedFile): void {
    this.#handles.set(key, handle);
    this.expected.set(handle, expected);
  }

  /** Adds to what is expected of descriptors of a handle. */
  expect(handle: Handle, more: Partial<ExpectedFile>): void {
    const expected = this.expected.get(handle);
    if (expected !== undefined) this.expected.set(handle, { ...expected, ...more });
  }

  /** Has a task that has the table `table` do something to its descriptors, when all of them are there. */
  act(table: number, action: DescriptorAction): void {
    const actions = this.actions.get(table);
    if (actions === undefined) this.actions.set(table, [action]);
    else actions.push(action);
  }

  /** Has something planned when all open files that tasks hold have their handles. */
  defer(planning: () => void): void {
    this.#deferred.push(planning);
  }

  /** Plans what was deferred, and what that defers. */
  finish(): void {
    for (const planning of this.#deferred) planning();
    this.#deferred.length = 0;
  }

  /** The handle of an open file that has been planned. */
  get(key: string): Handle | undefined {
    return this.#handles.get(key);
  }

  /** The descriptor of cgrestore's own that the user wants to be used for what `key` names (`--inherit-fd`). */
  inherited(key: string): number | undefined {
    const found = this.options.inheritedFiles.find((file) => file.key === key);
    if (found !== undefined) this.#usedKeys.add(key);
    return found?.fd;
  }

  /** Keys of `--inherit-fd` that nothing has asked for. */
  get unusedKeys(): string[] {
    return this.options.inheritedFiles.map(({ key }) => key).filter((key) => !this.#usedKeys.has(key));
  }

  /** Tells that something cannot be restored. */
  refuse(where: string, what: string): undefined {
    this.problems.push({ where, what });
    return undefined;
  }
}

/** How an open file is known to the planner. */
export function fileKey(id: number): string {
  return `file ${id}`;
}
