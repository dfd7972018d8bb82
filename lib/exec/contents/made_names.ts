import { SysError } from "../../errors.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Sys } from "../../sys/sys.ts";
import { forEachAlways } from "../for_each_always.ts";

/** Names in the file system that a restore has made and not removed again: they go when it fails. */
export class MadeNames {
  /** In the order in which they were made; `true` for directories. */
  readonly #names = new Map<string, boolean>();

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Takes note of what `calls` have done, which have all been made. */
  note(calls: readonly RemoteCall[]): void {
    for (const { effect } of calls) {
      if (effect === undefined) continue;
      // A name that is made once more comes after the others.
      this.#names.delete(effect.path);
      if (effect.kind !== "removes") this.#names.set(effect.path, effect.kind === "makes-directory");
    }
  }

  /**
   * Removes all of them, the newest first, and goes on after failures.
   *
   * @param root a descriptor of the root directory in which they were made
   * @throws {SysError} the first failure
   */
  removeAll(sys: Sys, root: number): void {
    const names = [...this.#names].reverse();
    this.#names.clear();
    forEachAlways(names, ([path, isDirectory]) => {
      const relative = path.replace(/^\/+/, "");
      try {
        if (isDirectory) sys.rmdirat(root, relative);
        else sys.unlinkat(root, relative);
      } catch (error) {
        // Somebody else has removed it.
        if (!(error instanceof SysError) || error.code !== "ENOENT") throw error;
      }
    });
  }
}
