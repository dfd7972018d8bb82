import { O_DIRECTORY, O_PATH } from "../../sys/constants.ts";
import type { Sys } from "../../sys/sys.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee, TraceeContext } from "../../tracee/tracee.ts";
import { MadeNames } from "./made_names.ts";

export interface TableRunnerOptions {
  readonly context: TraceeContext;
  /** The tracee of a task or thread. */
  readonly traceeOf: (id: number) => Tracee;
  /** Called between steps; throws when the user wants an end. */
  readonly checkpoint: () => void;
}

/** Runs tables of system calls in tasks, and knows what they have done to names in the file system. */
export class TableRunner {
  readonly #options: TableRunnerOptions;
  readonly #names = new MadeNames();
  /** A descriptor of the coordinator's root directory: open from the first name on that is made, or obsolete. */
  #root: number | undefined;

  constructor(options: TableRunnerOptions) {
    this.#options = options;
  }

  /** Runs tables in different tasks at the same time, each as soon as it is there, if the shared memory has room. */
  runAll(tables: Iterable<readonly [id: number, calls: RemoteCall[]]>): void {
    const { context: { slots }, traceeOf } = this.#options;
    const running: Tracee[] = [];
    const gather = () => {
      for (const tracee of running.splice(0)) tracee.finish();
      slots.clearArena();
    };
    for (const [id, calls] of tables) {
      this.#options.checkpoint();
      const tracee = traceeOf(id);
      if (!slots.hasRoom(tracee.slot, calls)) {
        gather();
        if (!slots.hasRoom(tracee.slot, calls)) {
          this.runInPieces(tracee, calls);
          continue;
        }
      }
      tracee.start(calls);
      running.push(tracee);
    }
    gather();
  }

  /** Runs a table of any length in one task, while no other is running. */
  runInPieces(tracee: Tracee, calls: readonly RemoteCall[]): void {
    const { slots } = this.#options.context;
    if (calls.some(hasEffect)) this.openRoot(tracee);
    for (let start = 0; start < calls.length;) {
      this.#options.checkpoint();
      slots.clearArena();
      const end = Math.max(start + 1, slots.pieceEnd(calls, start));
      const piece = calls.slice(start, end);
      tracee.start(piece);
      this.#finish(tracee, piece);
      start = end;
    }
    slots.clearArena();
  }

  /** Removes all names that were made for open files, and puts back what was in their way. */
  removeNames(): void {
    this.#withRoot((sys, root) => this.#names.removeAll(sys, root));
  }

  /** Keeps all names that were made for open files, and removes what was in their way, and what the dump has made. */
  keepNames(obsolete: Parameters<MadeNames["keepAll"]>[2]): void {
    this.#withRoot((sys, root) => this.#names.keepAll(sys, root, obsolete));
  }

  /** Before the first name is made that may have to be removed. */
  openRoot({ pid }: Tracee): void {
    this.#root ??= this.#options.context.sys.open(`/proc/${pid}/root`, O_PATH | O_DIRECTORY);
  }

  /** Waits for the end of a table, and notes what it did to names: of those it must be known what has been done. */
  #finish(tracee: Tracee, calls: readonly RemoteCall[]): void {
    const hasEffects = calls.some(hasEffect);
    try {
      tracee.finish();
    } catch (error) {
      // The user may want an end: it comes when the table, which is not to be left in the middle, is done.
      if (hasEffects) tracee.settle();
      throw error;
    } finally {
      if (hasEffects) this.#names.note(calls.slice(0, tracee.completed));
    }
  }

  #withRoot(action: (sys: Sys, root: number) => void): void {
    const { sys } = this.#options.context;
    if (this.#root === undefined) return;
    try {
      action(sys, this.#root);
    } finally {
      sys.close(this.#root);
      this.#root = undefined;
    }
  }
}

function hasEffect({ effect }: RemoteCall): boolean {
  return effect !== undefined;
}
