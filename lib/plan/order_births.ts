import type { Newborn } from "./newborn.ts";
import type { Homes } from "./task_places.ts";

/** What `orderBirths` has to know besides the newborns. */
export interface OrderOptions {
  readonly homes: Homes;
  /** Who makes whom, by index. */
  readonly births: readonly (readonly number[])[];
  /** Indices of the newborns, makers first. */
  readonly order: readonly number[];
  /** Indices of the hierarchies in which makers walk. */
  readonly walked: readonly number[];
}

/**
 * The order in which each newborn makes others, so that the way through their places is short: first those that
 * belong where the maker comes from, last those that belong where it stays, in between place by place.
 */
export function orderBirths(newborns: readonly Newborn[], options: OrderOptions): number[][] {
  const { births, homes } = options;
  const ranks = rankPlaces(homes, options.walked);
  const leanings = findLeanings(options);
  return births.map((children, maker) => {
    const stay = leanings[maker];
    const stayRank = stay === undefined || newborns[maker]?.task === undefined ? undefined : ranks[stay];
    const originRank = ranks[homes.origins[maker] ?? homes.start];
    const keyed = children.map((index) => {
      const leaning = leanings[index];
      const rank = leaning === undefined ? stayRank ?? 0 : ranks[leaning] ?? 0;
      const turn = newborns[index]?.when === "before" ? 0 : 3;
      const part = leaning === undefined || rank === stayRank ? 2 : rank === originRank ? 0 : 1;
      return { index, part: turn + part, rank };
    });
    keyed.sort((a, b) => a.part - b.part || a.rank - b.rank || a.index - b.index);
    return keyed.map(({ index }) => index);
  });
}

/** Home of each newborn, or else of the first of those it makes. */
function findLeanings({ homes, births, order }: OrderOptions): (number | undefined)[] {
  const leanings = [...homes.homes];
  for (const index of order.toReversed()) {
    leanings[index] ??= births[index]?.map((child) => leanings[child]).find((place) => place !== undefined);
  }
  return leanings;
}

/** Numbers for the places, equal where the walked paths are; neighbours differ in few hierarchies, as a rule. */
function rankPlaces({ table }: Homes, walked: readonly number[]): number[] {
  const variety = (hierarchy: number) => table.paths[hierarchy]?.length ?? 0;
  const hierarchies = walked.toSorted((a, b) => variety(a) - variety(b) || a - b);
  const compare = (a: readonly number[], b: readonly number[]) => {
    for (const hierarchy of hierarchies) {
      const difference = (a[hierarchy] ?? 0) - (b[hierarchy] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  const sorted = table.rows.map((row, place) => ({ row, place })).sort((a, b) =>
    compare(a.row, b.row) || a.place - b.place
  );
  const ranks: number[] = [];
  sorted.forEach(({ row, place }, position) => {
    const before = sorted[position - 1];
    const isSame = before !== undefined && compare(before.row, row) === 0;
    ranks[place] = isSame ? ranks[before.place] ?? 0 : position;
  });
  return ranks;
}
