import type { FifoEntry, PipeDataEntry, PipeEntry } from "../../gen/pipe.ts";
import type { WithBytes } from "../../image/content_images.ts";
import { buildOwner, type FilesContext } from "../build_open_files.ts";
import { EntryIndex, fileEntries } from "../entry_index.ts";
import type { FifoFile, PipeContent, PipeFile } from "./pipe_file.ts";

export function buildPipeFile(id: number, { pipeId, flags, fown }: PipeEntry, { images }: FilesContext): PipeFile {
  return { kind: "pipe", id, flags, ...buildOwner(fown), pipe: buildContent(pipeId, images.pipeData) };
}

export function buildFifoFile(
  id: number,
  { pipeId, regfId }: FifoEntry,
  { images }: FilesContext,
): FifoFile {
  const named = regfId ?? id;
  const reg = fileEntries.find(images.files, named)?.reg;
  const common = reg === undefined ? { flags: 0 } : { flags: reg.flags, ...buildOwner(reg.fown) };
  return { kind: "fifo", id, ...common, pipe: buildContent(pipeId, images.fifoData), named };
}

const contents = new EntryIndex<WithBytes<PipeDataEntry>>(({ entry }) => entry.pipeId);

function buildContent(id: number, data: readonly WithBytes<PipeDataEntry>[]): PipeContent {
  const found = contents.find(data, id);
  const capacity = found?.entry.size;
  return { id, bytes: found?.bytes ?? new Uint8Array(), ...capacity === undefined ? {} : { capacity } };
}
