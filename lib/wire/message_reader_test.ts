/** The decoders of `lib/gen`, and the reader they use, compared with protobuf-es on the same bytes. */
import { create, type DescField, type DescMessage, isFieldSet, type Message, toBinary } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { FieldOptions_JSType } from "@bufbuild/protobuf/wkt";
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { readVmaEntry } from "../gen/mm.ts";
import { readPagemapEntry } from "../gen/pagemap.ts";
import { readPstreeEntry } from "../gen/pstree.ts";
import { Words } from "./words.ts";
import { MessageReader, type ReadMessage } from "./message_reader.ts";

const GENERATED = new URL("../../tests/gen/", import.meta.url);

/** Every message of the format, with its decoder. */
async function everyMessage(): Promise<{ schema: DescMessage; read: ReadMessage<unknown> }[]> {
  const found = [];
  for (const { name } of Deno.readDirSync(GENERATED)) {
    const theirs = Object.values(await import(new URL(name, GENERATED).href));
    const ours = await import(`../gen/${name.replace("_pb.ts", ".ts")}`);
    for (const schema of theirs.filter(isMessage)) {
      const words = schema.name.split("_").map((word) => word.charAt(0).toUpperCase() + word.slice(1));
      found.push({ schema, read: ours[`read${words.join("")}`] });
    }
  }
  return found;
}

function isMessage(value: unknown): value is DescMessage {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "message";
}

/** Messages of a type, with some of their optional fields. */
function anyMessage(schema: DescMessage, depth = 0): fc.Arbitrary<Message> {
  const fields = schema.fields.filter((field) => depth < 2 || field.message !== schema);
  const record = fields.map((field): [string, fc.Arbitrary<unknown>] => {
    const value = field.message === undefined ? anyScalar(field) : anyMessage(field.message, depth + 1);
    if (field.fieldKind === "list") return [field.localName, fc.array(value, { maxLength: 3 })];
    return [field.localName, isRequired(field) ? value : fc.option(value, { nil: undefined })];
  });
  return fc.record(Object.fromEntries(record)).map((init) => create(schema, init as never));
}

function isRequired(field: DescField): boolean {
  return "presence" in field && field.presence === 3;
}

function anyScalar(field: DescField): fc.Arbitrary<unknown> {
  if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map(({ number }) => number));
  const asNumber = field.proto.options?.jstype === FieldOptions_JSType.JS_NUMBER;
  const max = asNumber ? 2n ** 53n - 1n : 2n ** 64n - 1n;
  switch (field.scalar) {
    case ScalarType.UINT32:
      return fc.nat({ max: 2 ** 31 - 1 }).map((number) => number * 2 + 1);
    case ScalarType.INT32:
    case ScalarType.SINT32:
      return fc.integer();
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.STRING:
      return fc.string({ unit: "grapheme" });
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 200 });
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.bigInt({ min: 0n, max });
    default:
      return fc.bigInt({ min: -(max >> 1n), max: max >> 1n });
  }
}

/** Their message in the form of ours. */
function plain(schema: DescMessage, message: Message): Record<string, unknown> {
  return Object.fromEntries(schema.fields.map((field) => {
    const value = (message as unknown as Record<string, unknown>)[field.localName];
    if (field.fieldKind !== "list" && !isFieldSet(message, field)) return [field.localName, undefined];
    const convert = (one: unknown) => {
      if (field.message !== undefined) return plain(field.message, one as Message);
      const isNumber = field.proto.options?.jstype === FieldOptions_JSType.JS_NUMBER;
      return typeof one === "bigint" && isNumber ? Number(one) : one;
    };
    const isWords = field.fieldKind === "list" && field.scalar === ScalarType.UINT64;
    if (isWords) {
      return [
        field.localName,
        new Words([...value as bigint[]].flatMap((word) => [Number(word & 0xffff_ffffn), Number(word >> 32n)])),
      ];
    }
    return [field.localName, Array.isArray(value) ? value.map(convert) : convert(value)];
  }));
}

Deno.test("every decoder reads what protobuf-es writes", async (t) => {
  for (const { schema, read } of await everyMessage()) {
    await t.step(schema.name, () => {
      fc.assert(
        fc.property(anyMessage(schema), (message) => {
          deepEqual(read(new MessageReader(toBinary(schema, message))), plain(schema, message));
        }),
        { numRuns: 50 },
      );
    });
  }
});

Deno.test("every decoder survives any bytes", async () => {
  const messages = await everyMessage();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    for (const { read } of messages) {
      try {
        read(new MessageReader(bytes));
      } catch (error) {
        equal(error instanceof Error && error.constructor !== TypeError, true, String(error));
      }
    }
  }));
});

const VMA = [0x18, 0, 0x20, 0, 0x28, 1, 0x30, 1, 0x38, 1, 0x40, 1];

Deno.test("number64() takes exact numbers only", async (t) => {
  const rows: [name: string, varint: number[], want: number | RegExp][] = [
    ["0", [0], 0],
    ["7 bytes", [0x80, 0xe0, 0xff, 0xff, 0xff, 0xff, 0x1f], 0x7fff_ffff_f000],
    ["the vsyscall page", [0x80, 0x80, 0x80, 0x80, 0xf8, 0xff, 0xff, 0xff, 0xff, 0x01], 0xffff_ffff_8000_0000],
    ["2⁵³ + 1", [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], /9007199254740993 is too large/],
    ["no end", [0x80, 0x80], /./],
  ];
  for (const [name, varint, want] of rows) {
    await t.step(name, () => {
      const bytes = Uint8Array.from([...VMA, 0x10, 0, 0x08, ...varint]);
      if (typeof want === "number") equal(readVmaEntry(new MessageReader(bytes)).start, want);
      else throws(() => readVmaEntry(new MessageReader(bytes)), want);
    });
  }
});

Deno.test("packed lists are read as well, and must end with a number", () => {
  const required = [0x08, 1, 0x10, 0, 0x18, 1, 0x20, 1];
  deepEqual(readPstreeEntry(new MessageReader(Uint8Array.from([...required, 0x2a, 5, 7, 0, 0, 0x80, 1]))).threads, [
    7,
    0,
    0,
    128,
  ]);
  throws(
    () => readPstreeEntry(new MessageReader(Uint8Array.from([...required, 0x2a, 2, 7, 0x80, 1]))),
    /ends within a number/,
  );
  throws(() => readPstreeEntry(new MessageReader(Uint8Array.from([...required, 0x2a, 9, 7]))), /longer than/);
});

Deno.test("a field that ends behind its message is refused", () => {
  throws(() => readPagemapEntry(new MessageReader(Uint8Array.from([0x08, 0, 0x10, 0x80]))), /./);
});
