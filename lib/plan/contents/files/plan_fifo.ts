import type { FifoFile } from "../../../model/files/pipe_file.ts";
import type { PathFile } from "../../../model/files/path_file.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";
import { checkPath } from "./check_path.ts";
import { planInheritedFile } from "./plan_inherited_file.ts";
import { expectedLink, planOpening } from "./plan_path.ts";

/** Puts into a pipe what was in it, without blocking. */
export interface FillPipeStep extends StepBase {
  readonly kind: "fill-pipe";
  readonly handle: Handle;
  /** All openings that tasks have. */
  readonly ends: readonly Handle[];
  readonly bytes: Uint8Array;
  readonly capacity: number | undefined;
}

/** Closes a file that was needed for a while only. */
export interface CloseStep extends StepBase {
  readonly kind: "close";
  readonly handle: Handle;
}

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;

/**
 * All openings of a FIFO are made together. Another one for reading and writing comes first and stays until all are
 * there: so none waits for its other end, and what is put into the FIFO stays in it.
 */
export function planFifo(planner: FilePlanner, fifo: FifoFile, holder: string): Handle | undefined {
  const { id, pipe } = fifo;
  const ends = planner.companions.of(fifo);
  const opened = ends.filter((end) => !useInherited(planner, end));
  const named = opened.map((end) => namedFile(planner, end, holder));
  const first = named[0];
  if (opened.length === 0) noteLostBytes(planner, { what: "a FIFO", bytes: pipe.bytes });
  if (first === undefined) return planner.get(fileKey(id));
  const { handle: keeper } = planner.handle(`keeper of FIFO ${pipe.id}`);
  planOpening(planner, first, { handle: keeper, flags: O_RDWR | O_NONBLOCK, holder });
  const handles = opened.flatMap((end, index) => {
    const file = named[index];
    if (file === undefined) return [];
    const { flags } = file;
    const handle = planner.fileHandle(end.id, { ...expectedLink(planner, file), flags, object: `FIFO ${pipe.id}` });
    planOpening(planner, file, { handle, flags, holder });
    return [handle];
  });
  const what = first.path;
  const { bytes, capacity } = pipe;
  planner.late.push({ kind: "fill-pipe", what, handle: keeper, ends: handles, bytes, capacity });
  planner.late.push({ kind: "close", what, handle: keeper });
  return planner.get(fileKey(id));
}

/** Whether the user provides this opening. */
function useInherited(planner: FilePlanner, { id, named }: FifoFile): boolean {
  const file = planner.contents.files.get(named);
  if (file?.kind !== "path") return false;
  const inherited = planInheritedFile(planner, [file.path.slice(1), file.path]);
  if (inherited === undefined) return false;
  planner.know(fileKey(id), inherited.handle, inherited.expected);
  return true;
}

/** Tells that what was in a pipe is not put into one that the user provides. */
export function noteLostBytes(
  { notes }: FilePlanner,
  { what, bytes }: { readonly what: string; readonly bytes: Uint8Array },
): void {
  if (bytes.length > 0) notes.push(`the ${bytes.length} bytes that were in ${what} are not restored: it is inherited`);
}

/** The file that says how a FIFO is named; whatever else has its name must not be written to. */
function namedFile(planner: FilePlanner, { named }: FifoFile, holder: string): PathFile | undefined {
  const file = planner.contents.files.get(named);
  if (file?.kind !== "path") return planner.refuse(holder, `a FIFO is opened by file ${named}, which has no name`);
  if (checkPath(planner, file, holder) === undefined) return undefined;
  const mode = file.remap?.kind === "ghost" ? file.remap.ghost.mode : seenMode(planner, file);
  if (mode !== undefined && (mode & S_IFMT) === S_IFIFO) return file;
  return planner.refuse(`${holder}, ${JSON.stringify(file.path)}`, "it is no FIFO here");
}

function seenMode(planner: FilePlanner, { path, remap, mount }: PathFile): number | undefined {
  return planner.seenFrom(mount).get(remap?.kind === "linked" ? remap.path : path)?.mode;
}
