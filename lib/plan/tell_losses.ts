/** How messages tell what would be lost, and for whom. */
import type { Property } from "../model/checkpoint.ts";

/** `memory.limit_in_bytes "1048576" of "/job"` */
export function describeLimit({ name, value }: Property, path: string): string {
  return `${name} "${value}" of "${path}"`;
}

/** `task 77 and 3 more` */
export function describePids(pids: readonly number[]): string {
  const [first, ...others] = pids;
  if (others.length === 0) return `task ${first}`;
  return pids.length <= 3 ? `tasks ${pids.join(", ")}` : `task ${first} and ${others.length} more`;
}

/** The first five. */
export function abridge(items: readonly string[]): string {
  const shown = items.slice(0, 5).join(", ");
  return items.length <= 5 ? shown : `${shown} and ${items.length - 5} more`;
}
