import type { PipeFile } from "../../../model/files/pipe_file.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import { noteLostBytes } from "./plan_fifo.ts";
import { type InheritedHandle, planInheritedFile } from "./plan_inherited_file.ts";
import type { StepBase } from "../file_step.ts";

/** Makes a pipe with all its ends. */
export interface PipeStep extends StepBase {
  readonly kind: "make-pipe";
  readonly ends: readonly { readonly handle: Handle; readonly flags: number }[];
  readonly bytes: Uint8Array;
  readonly capacity: number | undefined;
}

/** All ends of a pipe are made together. */
export function planPipe(planner: FilePlanner, file: PipeFile): Handle | undefined {
  const { id, pipe } = file;
  const what = `pipe ${pipe.id}`;
  const files = planner.companions.of(file);
  const inherited = planInheritedFile(planner, [`pipe:[${pipe.id}]`]);
  if (inherited !== undefined) {
    noteLostBytes(planner, { what, bytes: pipe.bytes });
    for (const file of files) openInherited(planner, file, inherited);
    return planner.get(fileKey(id));
  }
  const ends = files.map((file) => ({
    handle: planner.fileHandle(file.id, { link: "pipe:[", isPrefix: true, object: what, flags: file.flags }),
    flags: file.flags,
  }));
  const { bytes, capacity } = pipe;
  planner.late.push({ kind: "make-pipe", what, ends, bytes, capacity });
  return planner.get(fileKey(id));
}

/** An end of a pipe that the user provides: opened again, because it may be another end, or have other flags. */
function openInherited(planner: FilePlanner, file: PipeFile, { handle: from, expected }: InheritedHandle): void {
  const { flags } = file;
  const handle = planner.fileHandle(file.id, { link: expected.link, flags });
  planner.late.push({ kind: "reopen", handle, from, what: `pipe ${file.pipe.id}`, flags });
}
