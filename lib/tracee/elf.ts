import { elfHeader, elfSegment, ET_EXEC, PF_READ, PF_RUN, PT_LOAD } from "../sys/elf.ts";

/** Where the coordinator's program is loaded; below every address that a program of a checkpoint can have. */
export const PROGRAM_BASE = 0x10000n;

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
  const begin = PROGRAM_BASE + BigInt(CODE_OFFSET + entry);
  const words = [
    ...elfHeader({ type: ET_EXEC, machine, entry: begin, segments: 1 }),
    ...elfSegment(PT_LOAD | PF_READ | PF_RUN, { offset: 0n, base: PROGRAM_BASE, size: BigInt(file.length) }),
  ];
  file.set(new Uint8Array(BigUint64Array.from(words).buffer));
  file.set(code, CODE_OFFSET);
  return file;
}
