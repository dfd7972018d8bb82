import type { Problem } from "../errors.ts";
import { MessageReader, type ReadMessage } from "../wire/message_reader.ts";
import type { WithBytes } from "./content_images.ts";
import { firstEntry, type Frame, frameAt, type ImageKind, splitFrames } from "./frame.ts";

/** What is being decoded, and where its damages are told. */
export interface DecodeOptions {
  readonly kind: ImageKind;
  readonly problems: Problem[];
}

/** Decodes all entries of an image file; those that are damaged are told and left out. */
export function decodeEntries<T>(read: ReadMessage<T>, bytes: Uint8Array, { kind, problems }: DecodeOptions): T[] {
  return splitFrames(bytes, kind, problems).flatMap((frame, index) => {
    const decoded = decodeFrame(read, frame);
    if (typeof decoded !== "string") return [decoded.message];
    problems.push({ where: `${kind.file}, entry ${index}, offset ${frame.offset}`, what: decoded });
    return [];
  });
}

/** How the entries of a file are followed by bytes that are not part of them. */
export interface WithBytesReader<T> {
  readonly read: ReadMessage<T>;
  /** How many bytes follow an entry. */
  readonly sizeOf: (entry: T) => number;
}

/**
 * Decodes all entries of a file in which bytes follow each; ends at the first damage, behind which nothing can be
 * found.
 */
export function decodeEntriesWithBytes<T>(
  { read, sizeOf }: WithBytesReader<T>,
  bytes: Uint8Array,
  { kind, problems }: DecodeOptions,
): WithBytes<T>[] {
  const entries: WithBytes<T>[] = [];
  for (let at = firstEntry(bytes, kind, problems); at !== undefined && at < bytes.length;) {
    const damaged = (what: string) => {
      problems.push({ where: `${kind.file}, entry ${entries.length}, offset ${at}`, what });
      return entries;
    };
    const frame = frameAt(bytes, at);
    if (typeof frame === "string") return damaged(frame);
    const decoded = decodeFrame(read, frame);
    if (typeof decoded === "string") return damaged(decoded);
    const start = frame.offset + frame.payload.length;
    const end = start + sizeOf(decoded.message);
    if (end > bytes.length) return damaged(`${end - start} bytes are to follow, but ${bytes.length - start} are left`);
    entries.push({ entry: decoded.message, bytes: bytes.subarray(start, end) });
    at = end;
  }
  return entries;
}

/**
 * Decodes the first entry of a file whose beginning is `bytes`; with the offset behind it, where its own content
 * begins.
 */
export function decodeFirst<T>(
  read: ReadMessage<T>,
  bytes: Uint8Array,
  { kind, problems }: DecodeOptions,
): { readonly entry: T; readonly end: number } | undefined {
  const at = firstEntry(bytes, kind, problems);
  if (at === undefined) return undefined;
  const frame = frameAt(bytes, at);
  const decoded = typeof frame === "string" ? frame : decodeFrame(read, frame);
  if (typeof decoded === "string" || typeof frame === "string") {
    problems.push({ where: `${kind.file}, entry 0, offset ${at}`, what: String(decoded) });
    return undefined;
  }
  return { entry: decoded.message, end: frame.offset + frame.payload.length };
}

/** Decodes a file that has one entry; `undefined`, with the problems told, when it has another number of them. */
export function decodeSingle<T>(
  read: ReadMessage<T>,
  bytes: Uint8Array,
  { kind, problems }: DecodeOptions,
): T | undefined {
  const before = problems.length;
  const [first, second] = splitFrames(bytes, kind, problems);
  if (problems.length > before) return undefined;
  if (first === undefined) {
    problems.push({ where: kind.file, what: "the file has no entry, one is needed" });
    return undefined;
  }
  if (second !== undefined) {
    const end = first.offset + first.payload.length;
    problems.push({ where: `${kind.file}, entry 1, offset ${end}`, what: "the file has more than one entry" });
    return undefined;
  }
  const decoded = decodeFrame(read, first);
  if (typeof decoded !== "string") return decoded.message;
  problems.push({ where: `${kind.file}, entry 0, offset ${first.offset}`, what: decoded });
  return undefined;
}

/** The message, or what is wrong with it. */
export function decodeFrame<T>(read: ReadMessage<T>, { payload }: Frame): { readonly message: T } | string {
  try {
    return { message: read(new MessageReader(payload)) };
  } catch (cause) {
    // Whatever a reader throws comes from the bytes, and has no type of its own.
    return `the protobuf message is malformed: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
