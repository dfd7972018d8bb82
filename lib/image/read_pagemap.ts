import { readPagemapEntry, readPagemapHead } from "../gen/pagemap.ts";
import { MessageReader } from "../wire/message_reader.ts";
import type { Pagemap } from "./content_images.ts";
import { decodeFirst } from "./decode.ts";
import { splitFrames } from "./frame.ts";
import type { ImageSource } from "./image_source.ts";

/** Longest chain of incremental checkpoints. */
const MAX_PARENTS = 1000;

/** Flag of an entry (criu/include/pagemap.h). */
const IN_PARENT = 1;

/**
 * Reads a pagemap: a head, which names the file of pages, and an entry for each run of pages. Pages that are in the
 * parent checkpoint are looked up there, in the pagemap of the same name, and so on.
 */
export function readPagemap(source: ImageSource, file: string, depth = 0): Pagemap | undefined {
  const bytes = source.bytes(file, { optional: true });
  if (bytes === undefined) return undefined;
  const { problems } = source;
  const kind = source.kindOf({ type: "pagemap", file });
  const head = decodeFirst(readPagemapHead, bytes, { kind, problems });
  if (head === undefined) return undefined;
  const entries = splitFrames(bytes, kind, problems).slice(1).flatMap(({ offset, payload }, index) => {
    try {
      return [readPagemapEntry(new MessageReader(payload))];
    } catch (error) {
      const what = `the protobuf message is malformed: ${error instanceof Error ? error.message : error}`;
      source.complain(`${file}, entry ${index + 1}, offset ${offset}`, what);
      return [];
    }
  });
  const name = `${source.prefix}${file}`;
  const needsParent = entries.some(({ inParent, flags = 0 }) => inParent === true || (flags & IN_PARENT) !== 0);
  if (depth === MAX_PARENTS) source.complain(file, `the chain of parent checkpoints is longer than ${MAX_PARENTS}`);
  const hasParent = needsParent && depth < MAX_PARENTS && source.hasParent();
  const parent = hasParent ? readPagemap(source.parent(), file, depth + 1) : undefined;
  const pagesFile = `${source.directory}/pages-${head.entry.pagesId}.img`;
  return { name, pagesFile, pagesSize: source.sizeOf(pagesFile), entries, parent };
}
