import type { Hierarchy } from "../host/host.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import type { Newborn } from "./newborn.ts";
import type { Place } from "./plan.ts";

/** The host's place of each cgroup set: a path for each hierarchy in which its members are moved. */
export type SetPlaces = ReadonlyMap<number, ReadonlyMap<HierarchyName, string>>;

/** Index in `PlaceTable.rows` of the place in which cgrestore itself is. */
export const OWN_PLACE = 0;

/** Number, in each hierarchy, of the path where cgrestore itself is. */
export const OWN_PATH = 0;

/** All places that are homes, as numbers. */
export interface PlaceTable {
  readonly hierarchies: readonly Hierarchy[];
  /** For each hierarchy, the paths that its numbers stand for. */
  readonly paths: readonly (readonly string[])[];
  /** For each place, the number of its path in each hierarchy. */
  readonly rows: readonly (readonly number[])[];
}

/** Where the newborns belong. Places are indices in `table.rows`. */
export interface Homes {
  readonly table: PlaceTable;
  /** Where the root is when its own program begins to move it: cgrestore's own place, or that of the namespace. */
  readonly start: number;
  /** By newborn; `undefined` for helpers and zombies, which stay where they are born. */
  readonly homes: readonly (number | undefined)[];
  /** By newborn: the home of the nearest maker that has one, `start` for the root. */
  readonly origins: readonly number[];
  /** Homes of the threads of each newborn. */
  readonly threads: readonly (readonly number[])[];
  /** Writes that comparing each task's set with that of its origin would take, all hierarchies of the set each time. */
  readonly originWrites: number;
}

/** What `findHomes` has to know besides the newborns. */
export interface HomeOptions {
  readonly hierarchies: readonly Hierarchy[];
  readonly ownSet: number | undefined;
  readonly places: SetPlaces;
  /** Where the root goes first, to make its cgroup namespace there. */
  readonly namespaceRoot?: ReadonlyMap<HierarchyName, string> | undefined;
  /** Indices of the newborns, makers first. */
  readonly order: readonly number[];
}

/** Finds the home of every task and thread; a hierarchy that a set does not name keeps them where they are born. */
export function findHomes(newborns: readonly Newborn[], options: HomeOptions): Homes {
  const builder = new PlaceBuilder(options.hierarchies);
  const homes: (number | undefined)[] = newborns.map(() => undefined);
  const start = builder.placeOf({ set: "namespace", members: options.namespaceRoot }, OWN_PLACE);
  const origins: number[] = newborns.map(() => start);
  const threads: number[][] = newborns.map(() => []);
  const sets: (number | undefined)[] = newborns.map(() => undefined);
  let originWrites = options.namespaceRoot?.size ?? 0;
  const settle = (set: number | undefined, from: { set: number | undefined; place: number }): number => {
    const members = set === undefined ? undefined : options.places.get(set) ?? new Map<HierarchyName, string>();
    if (set !== from.set) originWrites += members?.size ?? options.hierarchies.length;
    return builder.placeOf({ set, members }, from.place);
  };
  const known = (set: number | undefined) => set === options.ownSet ? undefined : set;
  for (const index of options.order) {
    const newborn = newborns[index];
    if (newborn === undefined) continue;
    const origin = homes[newborn.maker] ?? origins[newborn.maker] ?? start;
    origins[index] = origin;
    sets[index] = sets[newborn.maker];
    if (newborn.task === undefined || newborn.task.state === "zombie") continue;
    const set = known(newborn.task.set);
    const place = settle(set, { set: sets[index], place: origin });
    homes[index] = place;
    sets[index] = set;
    threads[index] = newborn.task.threads.map((thread) =>
      thread.set === undefined ? place : settle(known(thread.set), { set, place })
    );
  }
  return { table: builder, start, homes, origins, threads, originWrites };
}

/** A place as the plan tells it. */
export function describePlace({ hierarchies, paths }: PlaceTable, row: readonly number[]): Place {
  const members = hierarchies.map(({ name }, index) => ({
    hierarchy: name,
    path: paths[index]?.[row[index] ?? 0] ?? "/",
  }));
  return { members: members.sort((a, b) => a.hierarchy < b.hierarchy ? -1 : a.hierarchy > b.hierarchy ? 1 : 0) };
}

/** Numbers paths and places as they are first met. */
class PlaceBuilder implements PlaceTable {
  readonly paths: string[][];
  readonly rows: number[][] = [];
  readonly #numbers: Map<string, number>[];
  readonly #places = new Map<string, number>();
  readonly #rowsByKey = new Map<string, number>();

  constructor(readonly hierarchies: readonly Hierarchy[]) {
    this.paths = hierarchies.map(({ ownPath }) => [ownPath]);
    this.#numbers = hierarchies.map(({ ownPath }) => new Map([[ownPath, 0]]));
    this.#intern(hierarchies.map(() => 0));
  }

  /** The place of a set whose members are born in the place `from`; without `members`, cgrestore's own. */
  placeOf(
    { set, members }: { set: number | string | undefined; members: ReadonlyMap<HierarchyName, string> | undefined },
    from: number,
  ): number {
    if (members === undefined) return OWN_PLACE;
    const isComplete = this.hierarchies.every(({ name }) => members.has(name));
    const key = isComplete ? `${set}` : `${set} ${from}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = this.#intern(this.hierarchies.map(({ name }, index) => {
      const path = members.get(name);
      return path === undefined ? this.rows[from]?.[index] ?? 0 : this.#numberOf(index, path);
    }));
    this.#places.set(key, place);
    return place;
  }

  #numberOf(hierarchy: number, path: string): number {
    const numbers = this.#numbers[hierarchy];
    const paths = this.paths[hierarchy];
    if (numbers === undefined || paths === undefined) return 0;
    const known = numbers.get(path);
    if (known !== undefined) return known;
    numbers.set(path, paths.length);
    return paths.push(path) - 1;
  }

  #intern(row: number[]): number {
    const key = row.join(" ");
    const known = this.#rowsByKey.get(key);
    if (known !== undefined) return known;
    this.#rowsByKey.set(key, this.rows.length);
    return this.rows.push(row) - 1;
  }
}
