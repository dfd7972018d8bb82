import { escapeName, type MapsLine, parseMaps } from "../../host/parse_maps.ts";
import type { ExpectedMapping } from "../../plan/contents/expected_mapping.ts";

/** End of the addresses of tasks (Documentation/arch/x86/x86_64/mm.rst); the vsyscall page lies behind. */
const TASK_END = 2 ** 47;

/** Compares the memory of tasks with what it should be. */
export class MappingComparison {
  /** Tasks that were forked say the same text, which is parsed once. */
  #text = "";
  #actual: readonly ExpectedMapping[] = [];

  /** How the memory of a task, as `/proc/PID/maps` tells it, differs from what it should be. */
  compare(expected: readonly ExpectedMapping[], text: string): string[] {
    const actual = this.#parse(text);
    const wanted = join(expected.map(asWritten));
    const found = new Map(actual.map((mapping) => [mapping.start, mapping]));
    const differences = wanted.flatMap((mapping) => {
      const other = found.get(mapping.start);
      found.delete(mapping.start);
      return compare(mapping, other);
    });
    return [
      ...differences,
      ...[...found.values()].map((mapping) => `there is ${describe(mapping)}, which is too much`),
    ];
  }

  #parse(text: string): readonly ExpectedMapping[] {
    if (text === this.#text) return this.#actual;
    this.#text = text;
    this.#actual = join(parseMaps(text).filter(({ start }) => start < TASK_END).map(toExpected));
    return this.#actual;
  }
}

function asWritten(mapping: ExpectedMapping): ExpectedMapping {
  if (mapping.name === undefined) return mapping;
  const name = escapeName(mapping.name);
  return name === mapping.name ? mapping : { ...mapping, name };
}

function toExpected({ start, end, access, offset, name }: MapsLine): ExpectedMapping {
  return { start, end, access, offset, name: name.startsWith("/") || name === "[vdso]" ? name : "" };
}

/** Takes neighbours that the kernel may have made one mapping of as one. */
function join(mappings: readonly ExpectedMapping[]): ExpectedMapping[] {
  const joined: ExpectedMapping[] = [];
  for (const mapping of mappings) {
    const last = joined.at(-1);
    if (last !== undefined && continues(last, mapping)) joined[joined.length - 1] = { ...last, end: mapping.end };
    else joined.push(mapping);
  }
  return joined;
}

function continues(one: ExpectedMapping, next: ExpectedMapping): boolean {
  const offset = one.name === "" ? one.offset : one.offset + one.end - one.start;
  return one.end === next.start && one.access === next.access && one.name === next.name && offset === next.offset;
}

function compare(expected: ExpectedMapping, actual: ExpectedMapping | undefined): string[] {
  const isSame = actual !== undefined && actual.end === expected.end && actual.access === expected.access &&
    actual.offset === expected.offset && (expected.name === undefined || actual.name === expected.name);
  if (isSame) return [];
  return [`there is ${actual === undefined ? "nothing" : describe(actual)}, and should be ${describe(expected)}`];
}

function describe({ start, end, access, offset, name }: ExpectedMapping): string {
  const where = `${start.toString(16)}-${end.toString(16)}`;
  return [where, access, offset.toString(16), ...name === undefined || name === "" ? [] : [name]].join(" ");
}
