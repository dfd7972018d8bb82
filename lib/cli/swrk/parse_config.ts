/** A line of a configuration file: an option without its dashes, and its value. */
export interface ConfigLine {
  readonly name: string;
  readonly value?: string;
}

/**
 * A name; a value, in quotes (in which a backslash is for another quote) or without blanks; and a comment. CRIU takes an
 * optional value only after `=`, as in `manage-cgroups=ignore`.
 */
const LINE = /^\s*([^\s#=]+)(?:=(\S*)|\s+(?:"((?:[^"\\]|\\.)*)"|([^\s#"]\S*)))?\s*(?:#.*)?$/;
const EMPTY = /^\s*(?:#.*)?$/;

/**
 * Reads a configuration file of CRIU (criu(8), "Configuration files").
 *
 * Returns its lines, or the first one that is none.
 */
export function parseConfig(text: string): ConfigLine[] | string {
  const lines: ConfigLine[] = [];
  for (const line of text.split("\n")) {
    if (EMPTY.test(line)) continue;
    const [, name, joined, quoted, plain] = LINE.exec(line) ?? [];
    if (name === undefined) return line;
    const value = joined ?? quoted?.replaceAll('\\"', '"') ?? plain;
    lines.push({ name, ...value === undefined ? {} : { value } });
  }
  return lines;
}
