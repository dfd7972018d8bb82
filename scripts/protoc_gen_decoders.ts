/**
 * A plugin of protoc, run by buf, that generates one decoder for each message: a TypeScript interface, and a function
 * that reads it with `MessageReader`.
 *
 * Unlike the modules of protoc-gen-es, these need no descriptors, whose evaluation would take a third of the time that
 * cgrestore takes to start; they refuse messages without their required fields; and a field that was not on the wire is
 * `undefined`, never its type's zero. Fields of 64 bits are `bigint`, in lists `Words`, or with
 * `[jstype = JS_NUMBER]` exact numbers.
 */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence, FieldOptions_JSType } from "@bufbuild/protobuf/wkt";
import {
  createEcmaScriptPlugin,
  type GeneratedFile,
  type Printable,
  runNodeJs,
  type Schema,
} from "@bufbuild/protoplugin";

/** How a scalar is typed, and read. */
interface Scalar {
  readonly type: "number" | "bigint" | "boolean" | "string" | "Uint8Array";
  readonly read: string;
  /** Method that reads a run of them, for varints. */
  readonly readRun?: string;
}

const SCALARS: Partial<Record<ScalarType, Scalar>> = {
  [ScalarType.UINT32]: { type: "number", read: "uint32()", readRun: "uint32s" },
  [ScalarType.INT32]: { type: "number", read: "int32()" },
  [ScalarType.SINT32]: { type: "number", read: "sint32()" },
  [ScalarType.BOOL]: { type: "boolean", read: "bool()" },
  [ScalarType.STRING]: { type: "string", read: "string()" },
  [ScalarType.BYTES]: { type: "Uint8Array", read: "bytes()" },
  [ScalarType.UINT64]: { type: "bigint", read: "uint64()", readRun: "uint64s" },
  [ScalarType.SINT64]: { type: "bigint", read: "sint64() as bigint" },
  [ScalarType.INT64]: { type: "bigint", read: "int64() as bigint" },
  [ScalarType.FIXED64]: { type: "bigint", read: "fixed64() as bigint" },
};
const NUMBERS: Partial<Record<ScalarType, Scalar>> = {
  [ScalarType.UINT64]: { type: "number", read: "number64()" },
  [ScalarType.INT64]: { type: "number", read: "signed64()" },
};

/** Types of the wire (protobuf.dev, "Message Structure"). */
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;

const READER = "../wire/message_reader.ts";
const WORDS = "./../wire/words.ts";

function generateTs(schema: Schema): void {
  for (const file of schema.files) {
    const f = schema.generateFile(`${file.name}.ts`);
    f.preamble(file);
    for (const message of file.messages) {
      for (const one of message.nestedEnums) printEnum(f, one);
      printInterface(f, message);
      printDecoder(f, message);
    }
  }
}

function printEnum(f: GeneratedFile, one: DescEnum): void {
  const name = typeName(one);
  f.print(f.export("const", name), " = {");
  for (const { name: key, number } of one.values) f.print("  ", key, ": ", number, ",");
  f.print("} as const;");
  f.print(f.export("type", name), ` = typeof ${name}[keyof typeof ${name}];`);
  f.print("const all", name, " = Object.values(", name, ");");
  f.print();
}

function printInterface(f: GeneratedFile, message: DescMessage): void {
  f.print(f.jsDoc(message));
  f.print(f.export("interface", typeName(message)), " {");
  for (const field of message.fields) {
    f.print(f.jsDoc(field, "  "));
    const isOptional = field.fieldKind !== "list" && !isRequired(field);
    f.print("  readonly ", field.localName, ": ", ...fieldType(f, field), isOptional ? " | undefined" : "", ";");
  }
  f.print("}");
  f.print();
}

function printDecoder(f: GeneratedFile, message: DescMessage): void {
  const reader = f.import("MessageReader", `./${READER}`, true);
  f.print("/** Reads a `", message.name, "`. */");
  f.print(f.export("function", decoderName(message)), "(reader: ", reader, "): ", typeName(message), " {");
  for (const field of message.fields) printVariables(f, field);
  f.print("  for (let tag = reader.nextTag(); tag !== 0; tag = reader.nextTag()) {");
  f.print("    switch (tag) {");
  for (const field of message.fields) printCases(f, field);
  f.print("      default:");
  f.print("        reader.skipField(tag);");
  f.print("    }");
  f.print("  }");
  const missing = f.import("missingField", `./${READER}`);
  for (const field of message.fields.filter(isRequired)) {
    f.print("  if (", field.localName, " === undefined) throw ", missing, "(", f.string(fieldName(field)), ");");
  }
  const words = f.import("Words", WORDS);
  f.print("  return {");
  for (const field of message.fields) {
    const { localName } = field;
    if (isWords(field)) f.print("    ", localName, ": new ", words, "(", localName, "),");
    else f.print("    ", localName, ",");
  }
  f.print("  };");
  f.print("}");
  f.print();
}

function printVariables(f: GeneratedFile, field: DescField): void {
  const { localName } = field;
  if (field.fieldKind !== "list") {
    f.print("  let ", localName, ": ", ...fieldType(f, field), " | undefined;");
    return;
  }
  f.print("  const ", localName, ": ", ...isWords(field) ? ["number"] : elementType(f, field), "[] = [];");
  if (field.message !== undefined) f.print("  let ", localName, "At = 0;");
}

function printCases(f: GeneratedFile, field: DescField): void {
  const { number } = field;
  const tag = number << 3 | wireType(field);
  const value = readValue(f, field);
  f.print("      case ", tag, ":");
  f.print("        ", ...readField(field, value, tag), ";");
  f.print("        break;");
  if (field.fieldKind !== "list" || wireType(field) === LENGTH) return;
  f.print("      case ", number << 3 | LENGTH, ":");
  // No tag is -1: one number at a time.
  f.print("        reader.packed(() => ", ...readField(field, value, -1), ");");
  f.print("        break;");
}

function readField(field: DescField, value: readonly Printable[], tag: number): Printable[] {
  const { localName } = field;
  const run = field.fieldKind === "list" ? scalarOf(field)?.readRun : undefined;
  if (run !== undefined) return [`reader.${run}(${tag}, ${localName})`];
  if (field.fieldKind === "list" && field.message !== undefined) {
    return [`${localName}At = reader.nextMessage(`, ...value, `, ${localName}, ${localName}At)`];
  }
  return field.fieldKind === "list" ? [localName, ".push(", ...value, ")"] : [localName, " = ", ...value];
}

/** Whether a field is a list of words, which `MessageReader` collects as halves. */
function isWords(field: DescField): boolean {
  return field.fieldKind === "list" && scalarOf(field)?.readRun === "uint64s";
}

function fieldName(field: DescField): string {
  return `${field.parent.name}.${field.name}`;
}

function isRequired(field: DescField): boolean {
  return "presence" in field && field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;
}

/** `pstree_entry` as `PstreeEntry`, and `core_entry.march` as `CoreEntryMarch`. */
function typeName(desc: DescMessage | DescEnum): string {
  const path = desc.typeName.slice(desc.file.proto.package.length + 1);
  return path.split(/[._]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function decoderName(message: DescMessage): string {
  return `read${typeName(message)}`;
}

function scalarOf(field: DescField): Scalar | undefined {
  if (field.scalar === undefined) return undefined;
  const asNumber = field.proto.options?.jstype === FieldOptions_JSType.JS_NUMBER ? NUMBERS[field.scalar] : undefined;
  const scalar = asNumber ?? SCALARS[field.scalar];
  if (scalar === undefined) throw new Error(`Cannot generate "${fieldName(field)}": its type is not known here`);
  return scalar;
}

function fieldType(f: GeneratedFile, field: DescField): Printable[] {
  if (isWords(field)) return [f.import("Words", WORDS)];
  return field.fieldKind === "list" ? ["readonly ", ...elementType(f, field), "[]"] : elementType(f, field);
}

function elementType(f: GeneratedFile, field: DescField): Printable[] {
  const scalar = scalarOf(field);
  if (scalar !== undefined) return [scalar.type];
  const desc = field.message ?? field.enum;
  if (desc === undefined) throw new Error(`Cannot generate "${fieldName(field)}": it has no type`);
  return [desc.file === field.parent.file ? typeName(desc) : f.import(typeName(desc), fileOf(desc), true)];
}

function readValue(f: GeneratedFile, field: DescField): Printable[] {
  const scalar = scalarOf(field);
  if (scalar !== undefined) return [`reader.${scalar.read}`];
  if (field.enum !== undefined) {
    return [`reader.oneOf(all${typeName(field.enum)}, `, f.string(fieldName(field)), ")"];
  }
  const { message } = field;
  if (message === undefined) throw new Error(`Cannot generate "${fieldName(field)}": it has no type`);
  const name = decoderName(message);
  const read = message.file === field.parent.file ? name : f.import(name, fileOf(message));
  return field.fieldKind === "list" ? [read] : ["reader.message(", read, ")"];
}

function fileOf(desc: DescMessage | DescEnum): string {
  return `./${desc.file.name}.ts`;
}

function wireType(field: DescField): number {
  if (field.enum !== undefined) return VARINT;
  switch (field.scalar) {
    case undefined:
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return LENGTH;
    case ScalarType.FIXED64:
      return FIXED_64;
    default:
      return VARINT;
  }
}

runNodeJs(createEcmaScriptPlugin({ name: "protoc-gen-decoders", version: "v1", generateTs }));
