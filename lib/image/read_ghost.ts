import { SysError } from "../errors.ts";
import { type GhostFileEntry, readGhostChunkEntry, readGhostFileEntry } from "../gen/remap.ts";
import { withFile } from "../sys/files.ts";
import type { FilePart, GhostImage } from "./content_images.ts";
import { decodeFrame } from "./decode.ts";
import { frameAt } from "./frame.ts";
import type { ImageSource } from "./image_source.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** A chunk's entry has two numbers: with its size before it, it is not longer than this. */
const LONGEST_ENTRY = 64;

/** Reads the image of a ghost file, but not the content that it has; what is wrong with it goes to `source`. */
export function readGhost(source: ImageSource, id: number): GhostImage | undefined {
  const file = `ghost-file-${id.toString(16)}.img`;
  const found = source.first(readGhostFileEntry, { type: "ghost-file", file });
  if (found === undefined) return undefined;
  const { entry, end, size } = found;
  const path = `${source.directory}/${file}`;
  return { entry, path, parts: partsOf(source, { entry, file, path, start: end, size }) };
}

/** A ghost's image: its entry, and then its content, from `start` on. */
interface Image {
  readonly entry: GhostFileEntry;
  readonly file: string;
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

function partsOf(source: ImageSource, image: Image): FilePart[] {
  const { entry, start, size } = image;
  if ((entry.mode & S_IFMT) !== S_IFREG) return [];
  if (entry.chunks !== true) return size === start ? [] : [{ position: 0, offset: start, length: size - start }];
  const parts: FilePart[] = [];
  try {
    const problem = readChunks(source, image, parts);
    if (problem !== undefined) source.complain(`${image.file}, chunk ${parts.length}`, problem);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    source.complain(image.file, `the file is not readable: ${error.message}`);
  }
  return parts;
}

/** Goes from chunk to chunk: an entry, and so many bytes behind it. Returns what is wrong with the last one. */
function readChunks({ sys }: ImageSource, image: Image, parts: FilePart[]): string | undefined {
  return withFile(sys, { path: image.path, length: LONGEST_ENTRY }, (read) => {
    for (let at = image.start; at < image.size;) {
      const frame = frameAt(read(at), 0);
      const decoded = typeof frame === "string" ? frame : decodeFrame(readGhostChunkEntry, frame);
      if (typeof frame === "string" || typeof decoded === "string") return String(decoded);
      const { len: length, off: position } = decoded.message;
      const part = { position, offset: at + frame.offset + frame.payload.length, length };
      const problem = chunkProblem(image, part);
      if (problem !== undefined) return problem;
      if (length > 0) parts.push(part);
      at = part.offset + length;
    }
    return undefined;
  });
}

function chunkProblem({ entry, size }: Image, { position, offset, length }: FilePart): string | undefined {
  if (entry.size === undefined) return "the file has chunks, but its entry does not say how large it is";
  if (offset + length > size) return `${length} bytes are to follow, but ${size - offset} are left`;
  if (position + length <= entry.size) return undefined;
  return `it ends at ${position + length}, but the file has ${entry.size} bytes`;
}
