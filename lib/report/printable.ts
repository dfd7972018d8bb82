/**
 * Characters that move the cursor, start escape sequences or reorder the text: C0, DEL, C1, and bidi controls; and
 * bytes that are no text (lib/text.ts).
 */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udcff]/gu;

/**
 * Text from an image or the kernel, safe to show on a terminal: what could drive the terminal is shown as `\x1b` or
 * `\u202e`, and line ends as `\n`.
 *
 * @example
 * ```ts
 * import { equal } from "node:assert/strict";
 * equal(printable("a\x1b[2Jb\nc"), "a\\x1b[2Jb\\nc");
 * ```
 */
export function printable(text: string): string {
  return text.replace(HARMFUL, escapeCharacter);
}

function escapeCharacter(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  const unit = character.charCodeAt(0);
  const code = unit >= 0xdc80 ? unit - 0xdc00 : unit;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
}

/** Longest value shown whole. */
const VALUE_MAX = 72;

/** The value of a file, on one line, cut where it is long. */
export function printableValue(value: string): string {
  if (value === "") return '""';
  const shown = printable(value);
  return shown.length <= VALUE_MAX ? shown : `${shown.slice(0, VALUE_MAX)}… (${value.length} characters)`;
}

/** `"1 task"`, `"2 tasks"`; `plural` where an "s" is not enough. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}
