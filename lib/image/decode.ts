import type { Problem } from "../errors.ts";
import { MessageReader, type ReadMessage } from "../wire/message_reader.ts";
import { type Frame, type ImageKind, splitFrames } from "./frame.ts";

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
function decodeFrame<T>(read: ReadMessage<T>, { payload }: Frame): { readonly message: T } | string {
  try {
    return { message: read(new MessageReader(payload)) };
  } catch (cause) {
    // Whatever a reader throws comes from the bytes, and has no type of its own.
    return `the protobuf message is malformed: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
