import assert from "node:assert/strict";
import fc from "fast-check";
import { hasPlace, intersectPlaces, type PlaceSet, somePlace, unitePlaces } from "./place_set.ts";

const members = fc.uniqueArray(fc.oneof(fc.nat(40), fc.nat(2 ** 30 - 1)), { minLength: 1, maxLength: 40 });

function placeSetOf(places: readonly number[]): PlaceSet {
  return places.slice(1).reduce<PlaceSet>(unitePlaces, places[0] ?? 0);
}

function membersOf(set: PlaceSet | undefined): number[] {
  if (set === undefined) return [];
  return typeof set === "number" ? [set] : [...membersOf(set.zero), ...membersOf(set.one)];
}

Deno.test("unitePlaces() and intersectPlaces() agree with Set", () => {
  fc.assert(fc.property(members, members, (a, b) => {
    const [one, other] = [placeSetOf(a), placeSetOf(b)];
    const both = intersectPlaces(one, other);
    assert.deepEqual(new Set(membersOf(unitePlaces(one, other))), new Set(a).union(new Set(b)));
    assert.deepEqual(new Set(membersOf(both)), new Set(a).intersection(new Set(b)));
    assert.deepEqual(both, a.some((place) => b.includes(place)) ? placeSetOf(membersOf(both)) : undefined);
    for (const place of [...a, ...b]) assert.equal(hasPlace(one, place), a.includes(place));
    assert(a.includes(somePlace(one)));
    assert.equal(somePlace(placeSetOf(a.toReversed())), somePlace(one));
  }));
});
