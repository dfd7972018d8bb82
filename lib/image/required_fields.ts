import type { DescMessage, Message } from "@bufbuild/protobuf";

/** Protobuf edition feature `field_presence`: how a proto2 field that is `required` is described. */
const LEGACY_REQUIRED = 3;

/** What has to be looked at in messages of one type: the required fields, and the messages inside. */
interface Requirements {
  /** Name in the message, and name in the format. */
  readonly required: readonly (readonly [string, string])[];
  readonly single: readonly Inside[];
  readonly lists: readonly Inside[];
}

interface Inside {
  readonly localName: string;
  readonly name: string;
  readonly requirements: Requirements;
}

const known = new Map<DescMessage, Requirements>();

/**
 * The first required field that a decoded message lacks, itself or in a message inside: `"tc.comm"`; `undefined` when
 * it is complete. protobuf-es does not check this. A closed enum with an unknown value counts as lacking, because
 * protobuf-es leaves such a field out.
 */
export function missingField(schema: DescMessage, message: Message): string | undefined {
  return findMissing(requirementsOf(schema), message as unknown as Fields);
}

/** Any message, by the names of its fields. A field that was not on the wire is not an own property. */
type Fields = Readonly<Record<string, unknown>>;

function findMissing({ required, single, lists }: Requirements, message: Fields): string | undefined {
  for (const [localName, name] of required) if (!Object.hasOwn(message, localName)) return name;
  for (const { localName, name, requirements } of single) {
    const inside = message[localName];
    if (inside === undefined) continue;
    const missing = findMissing(requirements, inside as Fields);
    if (missing !== undefined) return `${name}.${missing}`;
  }
  for (const { localName, name, requirements } of lists) {
    const items = message[localName] as readonly Fields[];
    for (const [index, item] of items.entries()) {
      const missing = findMissing(requirements, item);
      if (missing !== undefined) return `${name}[${index}].${missing}`;
    }
  }
  return undefined;
}

function requirementsOf(schema: DescMessage): Requirements {
  const found = known.get(schema);
  if (found !== undefined) return found;
  const required: [string, string][] = [];
  const single: Inside[] = [];
  const lists: Inside[] = [];
  const requirements = { required, single, lists };
  // Before the messages inside, which can be of the same type.
  known.set(schema, requirements);
  for (const field of schema.fields) {
    const { localName, name } = field;
    if ("presence" in field && field.presence === LEGACY_REQUIRED) required.push([localName, name]);
    if (field.message === undefined) continue;
    const into = field.fieldKind === "list" ? lists : single;
    into.push({ localName, name, requirements: requirementsOf(field.message) });
  }
  return requirements;
}
