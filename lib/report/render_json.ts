/** Version of the JSON that cgrestore writes. It grows when a name changes its meaning or goes, not when one is added. */
export const JSON_FORMAT = 1;

/**
 * A value as JSON for programs, with a final line end.
 *
 * The document is `{"format":1, KIND: VALUE}`, where KIND says what the command tells:
 *
 * - `"plan"`: a `Plan` of lib/plan/plan.ts, name for name.
 * - `"checkpoint"`: a `Checkpoint` of lib/model/checkpoint.ts, name for name.
 * - `"restore"`: a `RestoreResult` of lib/report/render_result.ts.
 * - `"error"`: `{"name", "message", "exitStatus", "problems": [{"where", "what"}], "causes": [message, …]}`, with
 *   `call` and `code` as well when a system call failed.
 *
 * The keys of objects are sorted; lists keep their order. A `Map` is an object by its keys, a `Set` a sorted list, a
 * bigint its decimal digits as a string, bytes a string of hexadecimal digits, or where there are more than a MiB of
 * them their length. What is `undefined` is left out. Same value, byte-identical text.
 */
export function renderJson(kind: "plan" | "checkpoint" | "restore" | "error", value: unknown): string {
  return JSON.stringify({ format: JSON_FORMAT, [kind]: value }, (_, part) => toPlain(part), 2) + "\n";
}

const LARGEST_BYTES = 2 ** 20;

function toPlain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return value.length > LARGEST_BYTES ? { length: value.length } : value.toHex();
  if (value instanceof BigUint64Array) return Array.from(value, String);
  if (value instanceof Map) return sortKeys([...value].map(([key, part]) => [String(key), part]));
  if (value instanceof Set) return [...value].sort(compare);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return sortKeys(Object.entries(value));
}

function sortKeys(entries: [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(entries.sort(([a], [b]) => compare(a, b)));
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}
