import type { FileEntry } from "../gen/files.ts";
import type { Descriptor } from "./open_file.ts";

/** Finds entries by a number that they have; a list with thousands of them is looked through but once. */
export class EntryIndex<T> {
  readonly #idOf: (entry: T) => number;
  readonly #known = new WeakMap<readonly T[], ReadonlyMap<number, T>>();

  constructor(idOf: (entry: T) => number) {
    this.#idOf = idOf;
  }

  /** The first of `entries`, to which nothing is added later, that has the number `id`. */
  find(entries: readonly T[], id: number): T | undefined {
    const known = this.#known.get(entries) ?? this.#index(entries);
    this.#known.set(entries, known);
    return known.get(id);
  }

  #index(entries: readonly T[]): ReadonlyMap<number, T> {
    const byId = new Map<number, T>();
    for (const entry of entries) {
      const id = this.#idOf(entry);
      if (!byId.has(id)) byId.set(id, entry);
    }
    return byId;
  }
}

/** Those of tables, by their numbers. */
export const descriptorNumbers = new EntryIndex<Descriptor>(({ fd }) => fd);

/** Those of tables by what they are of: the lowest of each open file. */
export const descriptorFiles = new EntryIndex<Descriptor>(({ file }) => file);

/** Those of files.img. */
export const fileEntries = new EntryIndex<FileEntry>(({ id }) => id);
