/**
 * The candidate that differs from `text` by the fewest letters inserted, removed or changed, or `undefined` when each
 * differs by more than a third of its letters and by more than two: a suggestion must be likely.
 *
 * @example
 * ```ts
 * import { equal } from "node:assert/strict";
 * equal(nearest("plna", ["plan", "show"]), "plan");
 * equal(nearest("zzzz", ["plan", "show"]), undefined);
 * ```
 */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(text, candidate);
    if (distance >= bestDistance || distance > Math.max(2, Math.floor(candidate.length / 3))) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Levenshtein's distance, row by row. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const changed = (row[j] ?? 0) + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
