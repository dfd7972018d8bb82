/**
 * Sets of small numbers (indices of places) that share structure: Patricia tries on the lowest bits first, so that
 * union and intersection cost what the smaller set costs, and every older version stays valid.
 */

/** A set of at least one number from 0 to 2³⁰; a single one is the number itself. */
export type PlaceSet = number | Branch;

interface Branch {
  /** The bits below `bit` that all members have in common. */
  readonly prefix: number;
  readonly bit: number;
  readonly zero: PlaceSet;
  readonly one: PlaceSet;
}

/** Whether `place` is in `set`. */
export function hasPlace(set: PlaceSet, place: number): boolean {
  while (typeof set !== "number") {
    if (!covers(set, place)) return false;
    set = sideOf(set, place);
  }
  return set === place;
}

/** Some member, always the same one for the same members. */
export function somePlace(set: PlaceSet): number {
  while (typeof set !== "number") set = set.zero;
  return set;
}

/** The members of either. */
export function unitePlaces(a: PlaceSet, b: PlaceSet): PlaceSet {
  if (a === b) return a;
  const [outer, inner] = bitOf(a) <= bitOf(b) ? [a, b] : [b, a];
  const prefix = prefixOf(inner);
  if (typeof outer === "number" || !covers(outer, prefix)) return branchOf(outer, inner);
  if (typeof inner !== "number" && inner.bit === outer.bit) {
    return { ...outer, zero: unitePlaces(outer.zero, inner.zero), one: unitePlaces(outer.one, inner.one) };
  }
  return (prefix & outer.bit) === 0
    ? { ...outer, zero: unitePlaces(outer.zero, inner) }
    : { ...outer, one: unitePlaces(outer.one, inner) };
}

/** The members of both, or `undefined` when there are none. */
export function intersectPlaces(a: PlaceSet, b: PlaceSet): PlaceSet | undefined {
  if (a === b) return a;
  const [outer, inner] = bitOf(a) <= bitOf(b) ? [a, b] : [b, a];
  if (typeof outer === "number" || !covers(outer, prefixOf(inner))) return undefined;
  if (typeof inner === "number" || inner.bit !== outer.bit) {
    return intersectPlaces(sideOf(outer, prefixOf(inner)), inner);
  }
  const zero = intersectPlaces(outer.zero, inner.zero);
  const one = intersectPlaces(outer.one, inner.one);
  return zero === undefined || one === undefined ? zero ?? one : { ...outer, zero, one };
}

/** Beyond every bit of a member: a single number ends its trie. */
const NO_BIT = 2 ** 30;

function bitOf(set: PlaceSet): number {
  return typeof set === "number" ? NO_BIT : set.bit;
}

function prefixOf(set: PlaceSet): number {
  return typeof set === "number" ? set : set.prefix;
}

function covers(branch: Branch, place: number): boolean {
  return (place & (branch.bit - 1)) === branch.prefix;
}

function sideOf(branch: Branch, place: number): PlaceSet {
  return (place & branch.bit) === 0 ? branch.zero : branch.one;
}

/** Joins two sets whose prefixes differ below the bits of both. */
function branchOf(a: PlaceSet, b: PlaceSet): Branch {
  const difference = prefixOf(a) ^ prefixOf(b);
  const bit = difference & -difference;
  const prefix = prefixOf(a) & (bit - 1);
  return (prefixOf(a) & bit) === 0 ? { prefix, bit, zero: a, one: b } : { prefix, bit, zero: b, one: a };
}
