import { hasPlace, intersectPlaces, type PlaceSet, somePlace, unitePlaces } from "./place_set.ts";

/** The goal of who stays wherever it is born, or is moved at the very end at the same cost from everywhere. */
export const NO_GOAL = -1;

/** One hierarchy's part of the problem: paths are numbers, newborns are indices. */
export interface WalkProblem {
  /** Where each newborn has to be in the end, or `NO_GOAL`. */
  readonly goals: Int32Array;
  /** Whom each newborn makes, in this order. */
  readonly births: readonly (readonly number[])[];
  /** Indices of the newborns, makers first. */
  readonly order: readonly number[];
  /** Whether a newborn with a goal has to be there before it makes others. */
  readonly fixed?: (index: number) => boolean;
}

/** Places that cost least; everywhere else costs one write more. */
export type GoodPlaces = PlaceSet | "anywhere";

/**
 * The fewest writes for one hierarchy when the order of births is given: for each newborn, the places in which its
 * maker should be just before it is made.
 *
 * This is parsimony on a tree (Fitch 1971), with the places of a maker from birth to end as a path in the tree: a
 * set of best places costs m and all others m + 1, so going back in time two such sets are intersected where that is
 * possible, and united at the cost of one write where it is not.
 */
export function planWalk({ goals, births, order, fixed }: WalkProblem): GoodPlaces[] {
  const before: GoodPlaces[] = [];
  const atBirth: GoodPlaces[] = [];
  for (const index of order.toReversed()) {
    const goal = goals[index] ?? NO_GOAL;
    let good: GoodPlaces = goal === NO_GOAL ? "anywhere" : goal;
    for (const child of births[index]?.toReversed() ?? []) {
      good = narrow(good, atBirth[child] ?? "anywhere");
      before[child] = good;
    }
    atBirth[index] = goal !== NO_GOAL && fixed?.(index) === true ? goal : good;
  }
  return before;
}

/** Where to be among good places, coming from `from` for the sake of `goal`: no move that does not save another. */
export function chooseGoodPlace(good: GoodPlaces, from: number, goal: number): number {
  if (good === "anywhere" || hasPlace(good, from)) return from;
  return goal !== NO_GOAL && hasPlace(good, goal) ? goal : somePlace(good);
}

function narrow(a: GoodPlaces, b: GoodPlaces): GoodPlaces {
  if (a === "anywhere") return b;
  if (b === "anywhere") return a;
  return intersectPlaces(a, b) ?? unitePlaces(a, b);
}
