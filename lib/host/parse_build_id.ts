const ELF_MAGIC = 0x464c457f;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;

/** A range of bytes in a file. */
interface Extent {
  readonly offset: number;
  readonly size: number;
}

/**
 * The GNU build id of an ELF file for 64 bits, little-endian, in hexadecimal (elf(5), "Notes"); `undefined` when there
 * is none in its beginning.
 *
 * @param bytes the beginning of the file, where linkers put headers and notes
 */
export function parseBuildId(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 64 || view.getUint32(0, true) !== ELF_MAGIC) return undefined;
  if (bytes[4] !== CLASS_64 || bytes[5] !== LITTLE_ENDIAN) return undefined;
  for (const notes of findNotes(view)) {
    const id = findBuildId(view, notes);
    if (id !== undefined) return bytes.subarray(id.offset, id.offset + id.size).toHex();
  }
  return undefined;
}

function findNotes(view: DataView): Extent[] {
  const start = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  const found: Extent[] = [];
  for (let at = start; at < start + count * size && at + 56 <= view.byteLength && size >= 56; at += size) {
    if (view.getUint32(at, true) !== PT_NOTE) continue;
    found.push({ offset: Number(view.getBigUint64(at + 8, true)), size: Number(view.getBigUint64(at + 32, true)) });
  }
  return found;
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
