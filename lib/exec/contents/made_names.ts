import { SysError } from "../../errors.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Sys } from "../../sys/sys.ts";
import { forEachAlways } from "../../for_each_always.ts";

/** What a name is: a file or a directory that was made, or a file that had the name `from` before. */
type MadeName = { readonly kind: "file" | "directory" } | { readonly kind: "moved"; readonly from: string };

/**
 * Names in the file system that a restore has made and not removed again: they go when it fails. Files that it has
 * moved out of the way come back then, and go when it succeeds.
 */
export class MadeNames {
  /** By absolute path, in the order in which they were made. */
  readonly #names = new Map<string, MadeName>();

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  /** Takes note of what `calls` have done, which have all been made. */
  note(calls: readonly RemoteCall[]): void {
    for (const { effect } of calls) {
      if (effect === undefined) continue;
      // A name that is made once more comes after the others.
      this.#names.delete(effect.path);
      if (effect.kind === "moves") this.#names.set(effect.to, { kind: "moved", from: effect.path });
      else if (effect.kind !== "removes") {
        this.#names.set(effect.path, { kind: effect.kind === "makes-directory" ? "directory" : "file" });
      }
    }
  }

  /**
   * Undoes all of it, the newest first, and goes on after failures.
   *
   * @param root a descriptor of the root directory in which the names were made
   * @throws {SysError} the first failure
   */
  removeAll(sys: Sys, root: number): void {
    const names = [...this.#names].reverse();
    this.#names.clear();
    forEachAlways(names, ([path, name]) => {
      try {
        if (name.kind === "moved") sys.renameat(root, relativeToRoot(path), relativeToRoot(name.from));
        else if (name.kind === "directory") sys.rmdirat(root, relativeToRoot(path));
        else sys.unlinkat(root, relativeToRoot(path));
      } catch (error) {
        // Somebody else has removed it.
        if (!(error instanceof SysError) || error.code !== "ENOENT") throw error;
      }
    });
  }

  /**
   * Keeps what was made, and removes what was moved out of the way, and `obsolete` names.
   *
   * @param root as for `removeAll`
   * @throws {SysError} the first failure, in the end
   */
  keepAll(sys: Sys, root: number, obsolete: readonly string[]): void {
    const moved = [...this.#names].flatMap(([path, { kind }]) => kind === "moved" ? [path] : []);
    this.#names.clear();
    forEachAlways([...moved, ...obsolete], (path) => sys.unlinkat(root, relativeToRoot(path)));
  }
}

function relativeToRoot(path: string): string {
  return path.replace(/^\/+/, "");
}
