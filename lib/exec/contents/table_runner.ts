import { O_DIRECTORY, O_PATH } from "../../sys/constants.ts";
import type { Sys } from "../../sys/sys.ts";
import type { NameEffect, RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee, TraceeContext } from "../../tracee/tracee.ts";
import type { ContentsPlan } from "../../plan/contents/contents_plan.ts";
import { forEachAlways } from "../../for_each_always.ts";
import { MadeNames } from "./made_names.ts";
import { requestOurselves } from "./request_ourselves.ts";

export interface TableRunnerOptions {
  readonly context: TraceeContext;
  /** The tracee of a task or thread. */
  readonly traceeOf: (id: number) => Tracee;
  /** Called between steps; throws when the user wants an end. */
  readonly checkpoint: () => void;
}

/** The number of a mount namespace, or this host's. */
export type NamedNamespace = number | "host";

/** What only this needs. */
interface RootOptions {
  /** The path of the root directory of a mount namespace. */
  readonly rootOf: (mountNamespace: NamedNamespace) => string;
}

/** Names that were made in a mount namespace. */
interface NamesBelow {
  /** A descriptor of its root directory. */
  readonly root: number;
  readonly names: MadeNames;
}

/** Runs tables of system calls in tasks, and knows what they have done to names in the file system. */
export class TableRunner {
  readonly #options: TableRunnerOptions & RootOptions;
  /** By their mount namespace: from the first name on that is made, or obsolete. */
  readonly #names = new Map<NamedNamespace, NamesBelow>();

  constructor(options: TableRunnerOptions & RootOptions) {
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

  /** Runs a table of any length in one task, while no other is running, and makes what is ours in between. */
  runInPieces(tracee: Tracee, calls: readonly RemoteCall[]): void {
    const { slots, sys } = this.#options.context;
    for (const { effect } of calls) if (effect !== undefined) this.openRoot(namespaceOf(effect));
    for (let start = 0; start < calls.length;) {
      this.#options.checkpoint();
      slots.clearArena();
      const sameEnd = endOfSame(calls, start);
      const isOurs = calls[start]?.isOurs === true;
      const end = isOurs ? sameEnd : Math.min(sameEnd, Math.max(start + 1, slots.pieceEnd(calls, start)));
      const piece = calls.slice(start, end);
      if (isOurs) requestOurselves(sys, tracee.pid, piece);
      else this.#runPiece(tracee, piece);
      start = end;
    }
    slots.clearArena();
  }

  #runPiece(tracee: Tracee, piece: readonly RemoteCall[]): void {
    tracee.start(piece);
    this.#finish(tracee, piece);
  }

  /** Removes all names that were made for open files, and puts back what was in their way. */
  removeNames(): void {
    this.#withNames(({ root, names }, sys) => names.removeAll(sys, root));
  }

  /** Keeps all names that were made for open files, and removes what was in their way, and what the dump has made. */
  keepNames(obsolete: ContentsPlan["obsoleteNames"]): void {
    const byNamespace = Map.groupBy(obsolete, ({ mountNamespace }): NamedNamespace => mountNamespace);
    this.#withNames(({ root, names }, sys, namespace) => {
      names.keepAll(sys, root, byNamespace.get(namespace)?.map(({ path }) => path) ?? []);
    });
  }

  /** Before the first name is made in a mount namespace that may have to be removed. */
  openRoot(mountNamespace: NamedNamespace): void {
    if (this.#names.has(mountNamespace)) return;
    const { context: { sys }, rootOf } = this.#options;
    const root = sys.open(rootOf(mountNamespace), O_PATH | O_DIRECTORY);
    this.#names.set(mountNamespace, { root, names: new MadeNames() });
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
      if (hasEffects) this.#note(calls.slice(0, tracee.completed));
    }
  }

  #note(calls: readonly RemoteCall[]): void {
    for (const [namespace, { names }] of this.#names) {
      names.note(calls.filter(({ effect }) => effect !== undefined && namespaceOf(effect) === namespace));
    }
  }

  #withNames(action: (below: NamesBelow, sys: Sys, mountNamespace: NamedNamespace) => void): void {
    const { sys } = this.#options.context;
    const all = [...this.#names];
    this.#names.clear();
    forEachAlways(all, ([namespace, below]) => {
      try {
        action(below, sys, namespace);
      } finally {
        sys.close(below.root);
      }
    });
  }
}

/** Where the calls end, from a place on, that the same one makes: the task or we. */
function endOfSame(calls: readonly RemoteCall[], start: number): number {
  const isOurs = calls[start]?.isOurs;
  let end = start + 1;
  while (end < calls.length && calls[end]?.isOurs === isOurs) end++;
  return end;
}

function namespaceOf({ mountNamespace = 0 }: NameEffect): NamedNamespace {
  return mountNamespace;
}

function hasEffect({ effect }: RemoteCall): boolean {
  return effect !== undefined;
}
