/**
 * Text of the kernel and of images, which is bytes: mostly UTF-8, but nothing makes sure of that. A byte that is not
 * part of UTF-8 becomes a lone surrogate U+DC80 to U+DCFF and back, so that every name survives (PEP 383).
 */

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** A byte stands at the end of a lone surrogate's code. */
const ESCAPE = 0xdc00;

/** The text that `bytes` are; `encodeText` gives the same bytes again. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return STRICT.decode(bytes);
  } catch (_) {
    return decodeEscaping(bytes);
  }
}

/** The bytes of a text: UTF-8, and the bytes that surrogates of `decodeText` stand for. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return isEscaped(text) ? encodeEscaped(text) : ENCODER.encode(text);
}

/** `text` as C wants it: its bytes with a NUL at the end. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encodeText(`${text}\0`);
}

/** As `encodeText`, into `memory`; the number of bytes, or `undefined` when there is no room for them. */
export function encodeTextInto(text: string, memory: Uint8Array): number | undefined {
  if (!isEscaped(text)) {
    const { read, written } = ENCODER.encodeInto(text, memory);
    return read < text.length ? undefined : written;
  }
  const bytes = encodeEscaped(text);
  if (bytes.length > memory.length) return undefined;
  memory.set(bytes);
  return bytes.length;
}

/**
 * The text that the kernel has written with three octal digits for what would end a field (fs/proc_namespace.c: `mangle`;
 * in options of file systems that is the comma as well, include/linux/seq_file.h: `seq_show_option`).
 */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}

/** Whether some bytes of the text were not UTF-8. */
export function isEscaped(text: string): boolean {
  return !text.isWellFormed();
}

function decodeEscaping(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    text += length === 0
      ? String.fromCharCode(ESCAPE + (bytes[at] ?? 0))
      : STRICT.decode(bytes.subarray(at, at + length));
    at += Math.max(length, 1);
  }
  return text;
}

/** How many bytes at `at` are one character of UTF-8; 0 when they are none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      if (STRICT.decode(bytes.subarray(at, at + length)) !== "") return length;
    } catch (_) {
      // Longer ones may be a character.
    }
  }
  return 0;
}

function encodeEscaped(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff) bytes.push(code - ESCAPE);
    else bytes.push(...ENCODER.encode(character));
  }
  return Uint8Array.from(bytes);
}
