import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { Problem } from "../errors.ts";
import { type Frame, type ImageKind, splitFrames } from "./frame.ts";
import { missingField } from "./required_fields.ts";

/** What we do not know is skipped: registers are most of a core image. */
const OPTIONS = { readUnknownFields: false } as const;

/**
 * Decodes all entries of an image file.
 *
 * @param problems takes all damages; entries with one are left out
 */
export function decodeEntries<Schema extends DescMessage>(
  schema: Schema,
  bytes: Uint8Array,
  options: { readonly kind: ImageKind; readonly problems: Problem[] },
): MessageShape<Schema>[] {
  const { kind, problems } = options;
  const messages: MessageShape<Schema>[] = [];
  for (const [index, frame] of splitFrames(bytes, kind, problems).entries()) {
    const decoded = decodeFrame(schema, frame);
    if (typeof decoded !== "string") messages.push(decoded);
    else problems.push({ where: `${kind.file}, entry ${index}, offset ${frame.offset}`, what: decoded });
  }
  return messages;
}

/** Decodes a file that has one entry; `undefined`, with the problems told, when it has another number of them. */
export function decodeSingle<Schema extends DescMessage>(
  schema: Schema,
  bytes: Uint8Array,
  options: { readonly kind: ImageKind; readonly problems: Problem[] },
): MessageShape<Schema> | undefined {
  const { kind, problems } = options;
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
  const decoded = decodeFrame(schema, first);
  if (typeof decoded !== "string") return decoded;
  problems.push({ where: `${kind.file}, entry 0, offset ${first.offset}`, what: decoded });
  return undefined;
}

/** The message, or what is wrong with it. */
function decodeFrame<Schema extends DescMessage>(schema: Schema, { payload }: Frame): MessageShape<Schema> | string {
  let message: MessageShape<Schema>;
  try {
    message = fromBinary(schema, payload, OPTIONS);
  } catch (cause) {
    // Whatever protobuf-es throws here comes from the bytes, and has no type of its own.
    return `the protobuf message is malformed: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  const missing = missingField(schema, message);
  if (missing === undefined) return message;
  return `the required field "${missing}" is missing or has an unknown value`;
}
