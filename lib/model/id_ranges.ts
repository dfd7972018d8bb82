import type { IdRange } from "./namespaces.ts";

/** What CRIU writes for an id that is not mapped in the tasks' user namespace; chown(2) leaves an owner as it is for it. */
export const NO_ID = 0xffff_ffff;

/** What an id of a user namespace is outside of it; `undefined` where it is not mapped. */
export function outsideId(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ first, count }) => first <= id && id < first + count);
  return range === undefined ? undefined : range.outside + id - range.first;
}

/** The highest id that is mapped; 0 where none is. */
export function highestId(ranges: readonly IdRange[]): number {
  return Math.max(0, ...ranges.map(({ first, count }) => first + count - 1));
}

/** Whether all that ranges lead to outside is among the ids that another map has inside. */
export function leadsInto(ranges: readonly IdRange[], others: readonly IdRange[]): boolean {
  return ranges.every(({ outside, count }) => {
    for (let id = outside; id < outside + count;) {
      const other = others.find(({ first, count }) => first <= id && id < first + count);
      if (other === undefined) return false;
      id = other.first + other.count;
    }
    return true;
  });
}

/** The text of /proc/PID/uid_map and gid_map, as they are written. */
export function describeRanges(ranges: readonly IdRange[]): string {
  return ranges.map(({ first, outside, count }) => `${first} ${outside} ${count}\n`).join("");
}

/** What such a file says. */
export function parseRanges(text: string): IdRange[] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [first = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    return { first, outside, count };
  });
}
