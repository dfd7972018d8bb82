import type { Problem } from "../errors.ts";
import type { UidGidExtent, UsernsEntry } from "../gen/namespaces.ts";
import type { IdRange, UserNamespace } from "./namespaces.ts";

/** Most ranges of a map (UID_GID_MAP_MAX_EXTENTS, linux/user_namespace.h). */
const MOST_RANGES = 340;
/** Ids are below it: the last one of 32 bits is none. */
const IDS_END = 0xffff_ffff;

/** Which ids there were in a user namespace; what the kernel would not take is told. */
export function buildUserNamespace({ uidMap, gidMap }: UsernsEntry, problems: Problem[]): UserNamespace {
  const tell = (what: string) => problems.push({ where: "userns image", what });
  return { uids: buildRanges(uidMap, "uids", tell), gids: buildRanges(gidMap, "gids", tell) };
}

function buildRanges(extents: readonly UidGidExtent[], name: string, tell: (what: string) => void): IdRange[] {
  const ranges = extents.map(({ first, lowerFirst, count }) => ({ first, outside: lowerFirst, count }));
  if (ranges.length > MOST_RANGES) {
    tell(`its map of ${name} has ${ranges.length} ranges, and ${MOST_RANGES} are the most`);
  }
  for (const { first, outside, count } of ranges) {
    if (count > 0 && Math.max(first, outside) + count <= IDS_END) continue;
    tell(`its map of ${name} has the range "${first} ${outside} ${count}", which cannot be one`);
  }
  if (overlap(ranges, "first") || overlap(ranges, "outside")) tell(`its map of ${name} has ranges that overlap`);
  return ranges;
}

function overlap(ranges: readonly IdRange[], side: "first" | "outside"): boolean {
  const sorted = ranges.toSorted((a, b) => a[side] - b[side]);
  return sorted.some((range, index) => range[side] + range.count > (sorted[index + 1]?.[side] ?? Infinity));
}
