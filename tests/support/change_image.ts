import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Numbers from 0 to below `below`. */
type Random = (below: number) => number;

/** A field of a message: what is in it, as fields if it can be a message as well. */
interface Field {
  readonly number: number;
  readonly type: WireType;
  readonly value: bigint | Uint8Array;
  readonly fields: Field[];
}

/** Where numbers end, and what is special for pids, descriptors, pages and addresses. */
const NUMBERS = [
  ...[0n, 1n, 2n, 7n, 127n, 4095n, 4096n, 65535n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 47n, 2n ** 53n],
  ...[2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];
const BYTES = [0, 1, 0x0a, 0x2e, 0x2f, 0x7f, 0x80, 0xff];
/** Beyond, a length is none of an entry, but what comes after the entries. */
const LARGEST_ENTRY = 2 ** 20;
const HEADER = 4;

/** An image that is sound as such, but has another number of an entry, or another field in one. */
export function changeImage(image: Uint8Array, start: number, random: Random): Uint8Array {
  const entries = findEntries(image, start);
  if (entries.length === 0) return image;
  const { at, end } = pick(entries, random);
  const [before, entry, after] = [image.subarray(0, at), image.subarray(at, end), image.subarray(end)];
  if (random(10) === 0) return concat(random(2) === 0 ? [before, after] : [before, entry, entry, after]);
  const fields = parse(entry.subarray(HEADER)) ?? [];
  for (let times = 1 + random(2); times > 0; times--) changeField(fields, random);
  const message = write(fields);
  const header = new Uint8Array(HEADER);
  new DataView(header.buffer).setUint32(0, message.length, true);
  return concat([before, header, message, after]);
}

function findEntries(image: Uint8Array, start: number): { at: number; end: number }[] {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const entries = [];
  for (let at = start; at + HEADER <= image.length;) {
    const end = at + HEADER + view.getUint32(at, true);
    if (end > image.length || end > at + LARGEST_ENTRY) break;
    entries.push({ at, end });
    at = end;
  }
  return entries;
}

/** The fields of a message, or nothing when the bytes are none. */
function parse(bytes: Uint8Array): Field[] | undefined {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  try {
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      const value = type === WireType.Varint ? BigInt(reader.uint64()) : readBytes(reader, type);
      const inner = type === WireType.LengthDelimited && value instanceof Uint8Array ? parse(value) : undefined;
      fields.push({ number, type, value, fields: inner ?? [] });
    }
  } catch {
    return undefined;
  }
  return fields;
}

function readBytes(reader: BinaryReader, type: WireType): Uint8Array {
  return type === WireType.LengthDelimited ? reader.bytes() : reader.skip(type);
}

function write(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, type, value, fields: inner } of fields) {
    writer.tag(number, type);
    if (typeof value === "bigint") writer.uint64(value);
    else if (type !== WireType.LengthDelimited) writer.raw(value);
    else writer.bytes(inner.length > 0 ? write(inner) : value);
  }
  return writer.finish();
}

/** Leaves out a field, has it twice, or has something else in it. */
function changeField(fields: Field[], random: Random): void {
  if (fields.length === 0) return;
  const index = random(fields.length);
  const field = fields[index]!;
  if (field.fields.length > 0 && random(4) > 0) return changeField(field.fields, random);
  const how = random(8);
  if (how === 0) fields.splice(index, 1);
  else if (how === 1) fields.splice(index, 0, field);
  else fields[index] = { ...field, value: changeValue(field, random), fields: [] };
}

function changeValue({ type, value }: Field, random: Random): bigint | Uint8Array {
  if (typeof value === "bigint") {
    return random(2) === 0 ? pick(NUMBERS, random) : BigInt.asUintN(64, value + BigInt(random(5) - 2));
  }
  if (type === WireType.LengthDelimited && random(3) === 0) return value.subarray(0, random(value.length + 1));
  const changed = value.slice();
  if (changed.length > 0) changed[random(changed.length)] = pick(BYTES, random);
  return changed;
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)]!;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
