import { BinaryReader } from "@bufbuild/protobuf/wire";
import { decodeText } from "../text.ts";

/** Deepest nesting of messages; directories of cgroups nest. */
const MAX_DEPTH = 100;

/** Bytes of a number that is exact as a sum of its parts: 49 bits, which addresses of tasks fit in. */
const FAST_BYTES = 7;

/** Reads the fields of one message, from its first byte to its last. */
export type ReadMessage<T> = (reader: MessageReader) => T;

/**
 * Reads messages of the protobuf wire format; the generated decoders of `lib/gen` are written against it.
 *
 * Nothing is allocated by a size that the bytes tell. Bytes that are no such message make it throw an `Error` that
 * says why, without saying where.
 */
export class MessageReader extends BinaryReader {
  readonly #bytes: Uint8Array;
  /** Where the message ends whose fields are being read. */
  #end: number;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    super(bytes, decodeText);
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** The next field's number and wire type, as on the wire: `number << 3 | type`; 0 at the end of the message. */
  nextTag(): number {
    this.#checkPosition();
    if (this.pos === this.#end) return 0;
    // Nearly all have one byte, and the function for all others calls another one.
    const byte = this.#bytes[this.pos] ?? 0;
    if (byte < 0x80) this.pos++;
    const tag = byte < 0x80 ? byte : this.uint32();
    if (tag < 8) throw malformed("a field has the number 0");
    return tag;
  }

  /** Passes over the value of a field that is not known. */
  skipField(tag: number): void {
    this.skip(tag & 7, tag >>> 3);
    this.#checkPosition();
  }

  /** A message inside. */
  message<T>(read: ReadMessage<T>): T {
    if (this.#depth === MAX_DEPTH) throw malformed(`messages are nested more than ${MAX_DEPTH} deep (recursion)`);
    const outer = this.#end;
    const end = this.uint32() + this.pos;
    if (end > outer) throw malformed("a message inside is longer than the one around it");
    this.#depth++;
    this.#end = end;
    const message = read(this);
    this.#checkPosition();
    this.#depth--;
    this.#end = outer;
    return message;
  }

  /**
   * A message of a list. One that has the same bytes as the one before is the same object: of the actions of all
   * signals, most are.
   *
   * @param before what this returned for the message before; anything for the first
   */
  nextMessage<T>(read: ReadMessage<T>, into: T[], before: number): number {
    const start = this.pos;
    const last = into[into.length - 1];
    if (last !== undefined && this.#isRepeated(start, before)) {
      this.pos += 1 + (this.#bytes[start] ?? 0);
      into.push(last);
    } else into.push(this.message(read));
    return start;
  }

  /** Whether a short message at `start`, its length included, is that at `before`. */
  #isRepeated(start: number, before: number): boolean {
    const bytes = this.#bytes;
    const length = bytes[start] ?? 0x80;
    if (length >= 0x80 || start + length >= this.#end) return false;
    for (let at = 0; at <= length; at++) if (bytes[start + at] !== bytes[before + at]) return false;
    return true;
  }

  /**
   * A number of a list, and all that follow it at once in fields with the same tag: registers are hundreds of them,
   * most of them zeros.
   */
  uint32s(tag: number, into: number[]): void {
    const bytes = this.#bytes;
    const end = this.#end;
    const oneByteTag = tag < 0x80 ? tag : -1;
    let at = this.pos;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      if (byte < 0x80) into.push(byte);
      else {
        this.pos = at - 1;
        into.push(this.uint32());
        at = this.pos;
      }
      if (at >= end || bytes[at] !== oneByteTag) break;
      at++;
    }
    this.pos = at;
  }

  /** The same for numbers of 64 bits, each as its low and its high half. */
  uint64s(tag: number, into: number[]): void {
    const bytes = this.#bytes;
    const end = this.#end;
    const oneByteTag = tag < 0x80 ? tag : -1;
    let at = this.pos;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      if (byte < 0x80) {
        into.push(byte);
        into.push(0);
      } else {
        this.pos = at - 1;
        const value = this.uint64();
        into.push(Number(value & 0xffff_ffffn), Number(value >> 32n));
        at = this.pos;
      }
      if (at >= end || bytes[at] !== oneByteTag) break;
      at++;
    }
    this.pos = at;
  }

  /** A list that is written as one field; `read` takes one element at least. */
  packed(read: () => void): void {
    const end = this.uint32() + this.pos;
    if (end > this.#end) throw malformed("a list is longer than the message around it");
    while (this.pos < end) read();
    if (this.pos !== end) throw malformed("a list ends within a number");
  }

  /** A field of 64 bits; nearly all of them in images are 0. */
  override uint64(): bigint {
    const byte = this.#bytes[this.pos] ?? 0;
    if (byte >= 0x80) return BigInt(super.uint64());
    this.pos++;
    return byte === 0 ? 0n : BigInt(byte);
  }

  /** A field of 64 bits as a number: exact, or refused. */
  number64(): number {
    let value = 0;
    for (let index = 0, unit = 1; index < FAST_BYTES; index++, unit *= 128) {
      const byte = this.#bytes[this.pos + index] ?? 0;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.pos += index + 1;
        return value;
      }
    }
    return exactly(this.uint64());
  }

  /** The same for a signed field. */
  signed64(): number {
    return exactly(BigInt(this.int64()));
  }

  /** One of the values of a closed enum. */
  oneOf<T extends number>(values: readonly T[], field: string): T {
    const number = this.int32();
    const value = values.find((one) => one === number);
    if (value === undefined) throw malformed(`the field "${field}" has the unknown value ${number}`);
    return value;
  }

  #checkPosition(): void {
    if (this.pos > this.#end) throw malformed("a field ends behind its message");
  }
}

/** Addresses of pages have 12 zero bits at their end, and are exact all the way up. */
function exactly(value: bigint): number {
  const number = Number(value);
  if (BigInt(number) !== value) throw malformed(`the number ${value} is too large for its field`);
  return number;
}

/** The error for a required field that is not there: `field` is `MESSAGE.FIELD`, as in the format's definition. */
export function missingField(field: string): Error {
  return malformed(`the required field "${field}" is missing`);
}

/** Part of a sentence: who knows the file says the rest. */
function malformed(what: string): Error {
  return new Error(what);
}
