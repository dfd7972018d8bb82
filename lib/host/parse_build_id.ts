import { openElf, withinFile } from "../model/elf_file.ts";

const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;

/** A range of bytes in a file. */
interface Extent {
  readonly offset: number;
  readonly size: number;
}

/**
 * The GNU build id of an ELF file, little-endian, in hexadecimal (elf(5), "Notes"); `undefined` when there is none in
 * its beginning.
 *
 * @param bytes the beginning of the file, where linkers put headers and notes
 */
export function parseBuildId(bytes: Uint8Array): string | undefined {
  const file = openElf(bytes);
  if (file === undefined) return undefined;
  const headers = withinFile(() => file.programHeaders()) ?? [];
  for (const notes of headers.filter(({ type }) => type === PT_NOTE)) {
    const id = findBuildId(file.view, notes);
    if (id !== undefined) return bytes.subarray(id.offset, id.offset + id.size).toHex();
  }
  return undefined;
}

/** A note: sizes of name and content, type, name ("GNU" and NUL), content; both padded to 4 bytes. */
function findBuildId(view: DataView, { offset, size }: Extent): Extent | undefined {
  const end = Math.min(offset + size, view.byteLength);
  for (let at = offset; at + 16 <= end;) {
    const nameSize = padded(view.getUint32(at, true));
    const contentSize = view.getUint32(at + 4, true);
    const content = at + 12 + nameSize;
    if (view.getUint32(at + 8, true) === NT_GNU_BUILD_ID && content + contentSize <= end) {
      return { offset: content, size: contentSize };
    }
    at = content + padded(contentSize);
  }
  return undefined;
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}
