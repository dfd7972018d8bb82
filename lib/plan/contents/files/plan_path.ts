import type { PathFile } from "../../../model/files/path_file.ts";
import { ELSEWHERE } from "../../../model/net_numbers.ts";
import type { Handle } from "../contents_plan.ts";
import type { ExpectedFile } from "../expected_file.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import { type FileStep, inNetwork, type StepBase } from "../file_step.ts";
import { checkPath } from "./check_path.ts";
import { IN_OTHER_NETWORK } from "./plan_inet_socket.ts";
import { planExternalFile, planInheritedFile } from "./plan_inherited_file.ts";
import { isUnnamed, planGhostOpening } from "./plan_ghost.ts";
import { deletedLink, directoryOf, nameOf, planName, type TemporaryName } from "./plan_name.ts";
import { taskOfPath } from "./task_of_path.ts";

/** How a file is opened, and the handle that it gets. */
export interface Opening {
  readonly handle: Handle;
  readonly flags: number;
  /** Absent: where it is after opening. */
  readonly position?: bigint;
}

/** Opens a file by its name. */
export interface OpenPathStep extends StepBase, Opening {
  readonly kind: "open-path";
  readonly path: string;
}

/** Opens a file by a name that it has only for that. */
export interface OpenLinkedStep extends StepBase, Opening {
  readonly kind: "open-linked";
  /** A name that it has before and after. */
  readonly link: string;
  readonly name: TemporaryName;
}

const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
const O_TRUNC = 0o1000;
const O_DIRECTORY = 0o200000;
/** O_TMPFILE without the O_DIRECTORY that is part of it. */
const __O_TMPFILE = 0o20000000;
const NET_SETTINGS = "/proc/sys/net/";
/** Flags that would do something to the file when it is opened. */
const ACTS = O_CREAT | O_EXCL | O_TRUNC;

/** The handle of an open file that is opened by its name. */
export function planPath(planner: FilePlanner, file: PathFile, holder: string): Handle | undefined {
  const { id } = file;
  const inherited = planInheritedFile(planner, keysOf(file));
  if (inherited !== undefined) {
    planner.know(fileKey(id), inherited.handle, inherited.expected);
    return inherited.handle;
  }
  if (file.isExternal) return planExternalFile(planner, file, holder);
  if (file.network === ELSEWHERE) return planner.refuse(`${holder}, ${JSON.stringify(file.path)}`, IN_OTHER_NETWORK);
  if (checkPath(planner, file, holder) === undefined) return undefined;
  const flags = openFlagsOf(file);
  const position = file.position === undefined ? {} : { position: file.position };
  const handle = planner.fileHandle(id, { ...expectedLink(planner, file), flags, ...position });
  planOpening(planner, file, { handle, flags, ...position, holder });
  return handle;
}

/** The handle of a file to map, to run, or to work in, opened as that needs it. */
export function planPathUse(
  planner: FilePlanner,
  file: PathFile,
  { openFlags: flags, holder }: { readonly openFlags: number; readonly holder: string },
): Handle | undefined {
  const inherited = planInheritedFile(planner, keysOf(file));
  if (inherited !== undefined) return inherited.handle;
  if (file.isExternal) {
    return planner.refuse(`${holder}, ${JSON.stringify(file.path)}`, "an external file cannot be mapped or worked in");
  }
  if (file.remap?.kind === "dead-task" && planner.options.places !== undefined) {
    return planner.refuse(`${holder}, ${JSON.stringify(file.path)}`, BEHIND_MOUNTS);
  }
  const { handle, isNew } = planner.handle(`use ${flags} ${identityOf(planner, file)}`);
  if (!isNew) return handle;
  if (checkPath(planner, file, holder) === undefined) return undefined;
  planOpening(planner, file, { handle, flags, holder, isEarly: true });
  return handle;
}

/** Tasks enter it while somebody stands in for that task, and have the host's root directory until then. */
const BEHIND_MOUNTS = "its task has ended, and nobody with mounts of its own can use it by then";

/** The handle of /dev/null, to write to. */
export function planNullFile(planner: FilePlanner): Handle {
  const path = "/dev/null";
  const { handle } = planner.handle(`use ${O_WRONLY} ${path}`);
  planner.early.push({ kind: "open-path", handle, what: path, path, flags: O_WRONLY });
  return handle;
}

/** What `--inherit-fd` may call a file: CRIU leaves the slash at its beginning away. */
function keysOf({ path, isExternal }: PathFile): string[] {
  return isExternal ? [] : [path.slice(1), path];
}

/** What is opened with the same flags for several uses is one file. */
function identityOf(planner: FilePlanner, { path, remap, mount }: PathFile): string {
  const name = planner.seenFrom(mount).nameOf(path);
  return remap?.kind === "ghost" ? `ghost ${remap.ghost.id} ${name}` : name;
}

/** The flags that a file can be opened with; without O_TMPFILE where it has a name by now, as in CRIU. */
function openFlagsOf(file: PathFile): number {
  const isNamed = (file.flags & __O_TMPFILE) !== 0 && !isUnnamed(file);
  return file.flags & ~ACTS & ~(isNamed ? __O_TMPFILE | O_DIRECTORY : 0);
}

/** What links in /proc say of a file that is used otherwise than by a descriptor. */
export function expectedUse(planner: FilePlanner, file: PathFile): Pick<ExpectedFile, "link" | "isPrefix"> {
  return planInheritedFile(planner, keysOf(file))?.expected ?? expectedLink(planner, file);
}

/** What links in /proc say of a file. */
export function expectedLink(planner: FilePlanner, file: PathFile): Pick<ExpectedFile, "link" | "isPrefix" | "object"> {
  const { path, remap } = file;
  switch (remap?.kind) {
    case undefined:
    case "dead-task":
      return { link: isDeadDirectory(planner, path) ? deletedLink(path) : path };
    case "linked":
      return { link: deletedLink(nameOf(planner, file)) };
    case "ghost":
      // The kernel chooses a number for a name.
      if (isUnnamedGhost(planner, remap.ghost.id)) {
        return { link: `${directoryOf(path)}/#`, isPrefix: true, object: `ghost ${remap.ghost.id}` };
      }
      return { link: deletedLink(nameOf(planner, file)), object: `ghost ${remap.ghost.id}` };
  }
}

/** Whether a path is /proc/PID of a task that has ended; of the files in it, the kernel does not say that they are gone. */
function isDeadDirectory({ deadTasks }: FilePlanner, path: string): boolean {
  const task = taskOfPath(path);
  return task !== undefined && deadTasks.has(task) && path === `/proc/${task}`;
}

/** Whether some opening of a ghost makes it without a name. */
function isUnnamedGhost({ companions }: FilePlanner, id: number): boolean {
  return companions.ofGhost(id).some(isUnnamed);
}

interface OpeningOptions extends Opening {
  readonly holder: string;
  /** Whether it is needed before there are tasks. */
  readonly isEarly?: boolean;
}

/** Plans how a file is opened, whatever has become of its name. */
export function planOpening(planner: FilePlanner, file: PathFile, options: OpeningOptions): void {
  const { holder, isEarly = false, ...opening } = options;
  const { path, remap, mount } = file;
  const flags = opening.flags | O_NOCTTY;
  if (remap?.kind === "ghost") {
    return planGhostOpening(planner, file, { ...opening, flags, ghost: remap.ghost, holder });
  }
  const steps = stepsFor(planner, path, isEarly);
  const { step } = planner.seenFrom(mount);
  const common = { what: path, ...opening, flags, ...step, ...inNetwork(networkOf(planner, file)) };
  if (remap?.kind !== "linked") return void steps.push({ kind: "open-path", path, ...common });
  const name = planName(planner, file, holder);
  if (name !== undefined) steps.push({ kind: "open-linked", link: remap.path, name, ...common });
}

/** Settings are those of the net namespace of who opens them: a task that has them, as images do not tell who it was. */
function networkOf(planner: FilePlanner, { id, path, network }: PathFile): number {
  if (network !== undefined || !path.startsWith(NET_SETTINGS)) return network ?? 0;
  const pid = planner.holders.firstOf([id]);
  return pid === undefined ? 0 : planner.networkOf(pid);
}

/** When a file is opened: those of tasks in /proc when these are there. */
function stepsFor(planner: FilePlanner, path: string, isEarly: boolean): FileStep[] {
  const task = taskOfPath(path);
  if (task !== undefined && planner.deadTasks.has(task)) return planner.helped;
  return isEarly && task === undefined ? planner.early : planner.late;
}
