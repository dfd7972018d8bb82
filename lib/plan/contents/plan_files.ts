import type { PipeFile } from "../../model/files/pipe_file.ts";
import type { PathFile } from "../../model/files/path_file.ts";
import type { OpenFile } from "../../model/open_file.ts";
import type { Handle } from "./contents_plan.ts";
import type { FilePlanner } from "./file_handles.ts";

const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
const O_TRUNC = 0o1000;
/** Flags that would do something to the file when it is opened. */
const ACTS = O_CREAT | O_EXCL | O_TRUNC;

/**
 * The handle of an open file, whose making is planned here unless it has been already; `undefined`, with the problem
 * told, for what cannot be restored.
 *
 * @param holder who has it, for problems: `task 77, descriptor 5`
 */
export function planFile(planner: FilePlanner, id: number, holder: string): Handle | undefined {
  const known = planner.get(fileKey(id));
  if (known !== undefined) return known;
  const file = planner.contents.files.get(id);
  if (file === undefined) return undefined;
  switch (file.kind) {
    case "path":
      return planPath(planner, file, holder);
    case "pipe":
      return planPipe(planner, file);
    case "eventfd": {
      const { handle } = planner.handle(fileKey(id));
      planner.steps.push({
        kind: "make-eventfd",
        handle,
        what: "an eventfd",
        flags: file.flags,
        counter: file.counter,
      });
      return handle;
    }
    default:
      planner.problems.push({ where: holder, what: `${describeKind(file)} cannot be restored` });
      return undefined;
  }
}

/** How an open file is known to the planner. */
export function fileKey(id: number): string {
  return `file ${id}`;
}

function describeKind(file: OpenFile): string {
  return file.kind === "unknown" ? file.what : `a file of kind ${file.kind}`;
}

function planPath(planner: FilePlanner, file: PathFile, holder: string): Handle | undefined {
  if (file.isExternal || file.remap !== undefined) {
    const what = file.isExternal ? "an external file" : "a file whose name is gone";
    planner.problems.push({ where: `${holder}, ${JSON.stringify(file.path)}`, what: `${what} cannot be restored` });
    return undefined;
  }
  planner.checkPath(file, holder);
  const { handle } = planner.handle(fileKey(file.id));
  const { path, flags, position } = file;
  planner.steps.push({ kind: "open-path", handle, what: path, path, flags: flags & ~ACTS | O_NOCTTY, position });
  return handle;
}

/** All ends of a pipe are made together. */
function planPipe(planner: FilePlanner, { id, pipe }: PipeFile): Handle | undefined {
  const ends = [...planner.contents.files.values()].filter((file) => isEndOf(file, pipe.id)).map((file) => ({
    handle: planner.handle(fileKey(file.id)).handle,
    flags: file.flags,
  }));
  const { bytes, capacity } = pipe;
  planner.steps.push({ kind: "make-pipe", what: `pipe ${pipe.id}`, ends, bytes, capacity });
  return planner.get(fileKey(id));
}

function isEndOf(file: OpenFile, pipe: number): file is PipeFile {
  return file.kind === "pipe" && file.pipe.id === pipe;
}

/** The handle of a file to map, opened as the mapping needs it. */
export function planMappedFile(
  planner: FilePlanner,
  { file: id, openFlags }: { readonly file: number; readonly openFlags: number },
  holder: string,
): Handle | undefined {
  const file = planner.contents.files.get(id);
  if (file?.kind !== "path") {
    if (file !== undefined) {
      planner.problems.push({ where: holder, what: `a mapping of ${describeKind(file)} cannot be restored` });
    }
    return undefined;
  }
  if (file.isExternal || file.remap !== undefined) return planPath(planner, file, holder);
  const flags = openFlags & ~ACTS | O_NOCTTY;
  const { handle, isNew } = planner.handle(`map ${flags} ${file.path}`);
  if (!isNew) return handle;
  planner.checkPath(file, holder);
  planner.steps.push({ kind: "open-path", handle, what: file.path, path: file.path, flags, position: 0 });
  return handle;
}
