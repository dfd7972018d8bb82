import type { TerminalMode, WindowSize } from "../model/files/terminal_file.ts";

/** `struct termios` of the kernel (asm-generic/termbits.h): four sets of flags, the discipline, 19 characters. */
export const MODE_SIZE = 36;
const DISCIPLINE_OFFSET = 16;
const CHARACTERS_OFFSET = 17;

export function encodeMode({ input, output, control, local, discipline, characters }: TerminalMode): Bytes {
  const bytes = new Uint8Array(new ArrayBuffer(MODE_SIZE));
  bytes.set(new Uint8Array(Uint32Array.of(input, output, control, local).buffer));
  bytes[DISCIPLINE_OFFSET] = discipline;
  bytes.set(characters, CHARACTERS_OFFSET);
  return bytes;
}

/** `struct winsize` (asm-generic/termios.h). */
export function encodeSize({ rows, columns, width, height }: WindowSize): Bytes {
  return new Uint8Array(Uint16Array.of(rows, columns, width, height).buffer);
}

type Bytes = Uint8Array<ArrayBuffer>;
