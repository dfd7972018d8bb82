import type { Problem } from "../errors.ts";

interface Entry {
  readonly what: string;
  readonly undo: () => void;
}

/** How to undo what has been done, newest last. Whoever changes something writes it down right after. */
export class Journal {
  readonly #entries: Entry[] = [];

  /** @param what what `undo` takes away or puts back: `the cgroup "cpu:/job"` */
  add(what: string, undo: () => void): void {
    this.#entries.push({ what, undo });
  }

  /** Undoes everything, newest first, and goes on after failures; returns these. */
  undoAll(): Problem[] {
    const problems: Problem[] = [];
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      try {
        entry.undo();
      } catch (error) {
        problems.push({ where: entry.what, what: error instanceof Error ? error.message : String(error) });
      }
    }
    return problems;
  }

  /** Makes everything done so far permanent. */
  forget(): void {
    this.#entries.length = 0;
  }
}
