import type { Problem } from "../errors.ts";
import { type ImageType, type ImageVersion, magicsOf, renderMagic } from "./magic.ts";

/** What is known of an image file before it is looked into. */
export interface ImageKind {
  /** Name of the file, for problems: `"core-5001.img"`. */
  readonly file: string;
  readonly type: ImageType;
  /** Decides the framing; of no importance for the inventory, which says it itself. */
  readonly version: ImageVersion;
}

/** One message of a file, not yet decoded. */
export interface Frame {
  /** Where the payload begins in the file. */
  readonly offset: number;
  /** A view of the file's bytes. */
  readonly payload: Uint8Array;
}

const WORD = 4;

/**
 * Splits the bytes of an image file into its entries: magic words, then `u32 size` and so many bytes for each entry
 * (criu/protobuf.c). Nothing is copied, so no size in the file can make us allocate.
 *
 * @param problems takes what is wrong; the frames before a damage are returned nevertheless
 */
export function splitFrames(bytes: Uint8Array, kind: ImageKind, problems: Problem[]): Frame[] {
  const frames: Frame[] = [];
  for (let at = firstEntry(bytes, kind, problems); at !== undefined && at < bytes.length;) {
    const frame = frameAt(bytes, at);
    if (typeof frame === "string") {
      problems.push({ where: `${kind.file}, entry ${frames.length}, offset ${at}`, what: frame });
      return frames;
    }
    frames.push(frame);
    at = frame.offset + frame.payload.length;
  }
  return frames;
}

/** The entry that begins at `at`, or what is wrong with it. */
export function frameAt(bytes: Uint8Array, at: number): Frame | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const left = bytes.length - at - WORD;
  const size = left < 0 ? 0 : view.getUint32(at, true);
  return sizeProblem(size, left) ?? { offset: at + WORD, payload: bytes.subarray(at + WORD, at + WORD + size) };
}

function sizeProblem(size: number, left: number): string | undefined {
  if (left < 0) {
    return `${left + WORD} trailing bytes are too few for an entry's size, the file is truncated or damaged`;
  }
  if (size > left) return `the entry is to have ${size} bytes, but ${left} are left in the file`;
  return undefined;
}

/** Where the first entry begins, or `undefined` when the file does not begin as it should. */
export function firstEntry(
  bytes: Uint8Array,
  { file, type, version }: ImageKind,
  problems: Problem[],
): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.byteLength === 0) {
    problems.push({ where: file, what: "the file is empty" });
    return undefined;
  }
  let at = 0;
  for (const magic of magicsOf(type, version)) {
    const where = `${file}, offset ${at}`;
    if (view.byteLength < at + WORD) {
      problems.push({ where, what: "the file ends within its magic" });
      return undefined;
    }
    const found = view.getUint32(at, true);
    if (found !== magic) {
      problems.push({ where, what: `the magic is ${renderMagic(found)}, ${renderMagic(magic)} is needed` });
      return undefined;
    }
    at += WORD;
  }
  return at;
}
