/** Where the coordinator's program is loaded; below every address that a program of a checkpoint can have. */
export const PROGRAM_BASE = 0x10000n;

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
/** Offset of the code in the file and from `PROGRAM_BASE`. */
export const CODE_OFFSET = 128;

/**
 * The smallest ELF executable with `code` at `PROGRAM_BASE + CODE_OFFSET` (elf(5)), which begins at the offset `entry` in
 * it: one loaded segment.
 */
export function makeElf(
  machine: number,
  { code, entry }: { readonly code: Uint8Array; readonly entry: number },
): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(new ArrayBuffer(CODE_OFFSET + code.length));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // e_type: ET_EXEC
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true); // e_version
  view.setBigUint64(24, PROGRAM_BASE + BigInt(CODE_OFFSET + entry), true); // e_entry
  view.setBigUint64(32, BigInt(HEADER_SIZE), true); // e_phoff
  view.setUint16(52, HEADER_SIZE, true);
  view.setUint16(54, PROGRAM_HEADER_SIZE, true);
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(HEADER_SIZE, 1, true); // p_type: PT_LOAD
  view.setUint32(HEADER_SIZE + 4, 5, true); // p_flags: read, execute
  view.setBigUint64(HEADER_SIZE + 16, PROGRAM_BASE, true); // p_vaddr
  view.setBigUint64(HEADER_SIZE + 24, PROGRAM_BASE, true); // p_paddr
  view.setBigUint64(HEADER_SIZE + 32, BigInt(file.length), true); // p_filesz
  view.setBigUint64(HEADER_SIZE + 40, BigInt(file.length), true); // p_memsz
  view.setBigUint64(HEADER_SIZE + 48, 4096n, true); // p_align
  file.set(code, CODE_OFFSET);
  return file;
}
