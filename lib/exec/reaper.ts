import { SysError } from "../errors.ts";
import { forEachAlways } from "../for_each_always.ts";
import { readText } from "../sys/files.ts";
import { SIGKILL } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import { stopped } from "../sys/wait_status.ts";

const REAP_TIMEOUT_MS = 10_000;
const REAP_PAUSE_MS = 1;
const QUIET_ROUNDS = 100;
/** For wait: any child or tracee. */
const ANY = -1;

/** Ends tasks that a restore has made, and takes their ends. They are its tracees. */
export class Reaper {
  readonly #sys: Sys;
  readonly #rootIsSibling: boolean;

  /** @param options.rootIsSibling whether the root task is no child of ours, so that others take its end */
  constructor(sys: Sys, { rootIsSibling }: { readonly rootIsSibling: boolean }) {
    this.#sys = sys;
    this.#rootIsSibling = rootIsSibling;
  }

  /**
   * Ends tasks, and waits until they are gone.
   *
   * @param options.all whether these are all that there are, but for those of which no table tells
   * @throws {SysError} ETIMEDOUT when one does not end
   */
  end(pids: readonly number[], { all }: { readonly all: boolean }): void {
    const killed: number[] = [];
    try {
      forEachAlways(pids, (pid) => {
        this.#killOne(pid);
        killed.push(pid);
      });
    } finally {
      this.#reap(killed, all);
    }
  }

  /** Ends those of which no table tells. A guard is our child too, and reports nothing: some quiet has to do for an end. */
  endUnknown(): void {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
      const count = this.#takeAny();
      if (count === undefined) return;
      if (count > 0) quiet = 0;
      else this.#sys.sleep(REAP_PAUSE_MS);
    }
  }

  /** A profile of AppArmor may forbid signals from us, but not what we do as the task's tracer (`aa_may_signal`). */
  #killOne(pid: number): void {
    ignoring("ESRCH", () => (
      ignoring("EACCES", () => this.#sys.kill(pid, SIGKILL), () => this.#sys.ptraceKill(pid))
    ));
  }

  /**
   * Takes all that there is to tell of any task; returns how much that was, or nothing when no task is left.
   *
   * What a maker has made in the moment in which it was killed is ended: no table tells of it. It is our tracee, and
   * reports its first stop.
   */
  #takeAny(): number | undefined {
    for (let count = 0;; count++) {
      let isAlone = false;
      const event = ignoring("ECHILD", () => this.#sys.wait(ANY, 0), () => isAlone = true);
      if (isAlone) return undefined;
      if (event === undefined) return count;
      if (stopped(event.status)) this.#killOne(event.pid);
    }
  }

  #reap(pids: readonly number[], all: boolean): void {
    let left = [...pids];
    const deadline = REAP_TIMEOUT_MS / REAP_PAUSE_MS;
    for (let round = 0; left.length > 0; round++) {
      // A task ends after all of its threads, and the first one of a pid namespace after all others in it: we may not
      // know them, and have to take their ends.
      if (all) this.#takeAny();
      // A task may be reported twice: to us as its tracer, and once its parent is gone, to us as the subreaper.
      left = left.filter((pid) => !this.#isGone(pid));
      if (left.length === 0) return;
      if (round > deadline) throw this.#cannotEnd(left);
      this.#sys.sleep(REAP_PAUSE_MS);
    }
  }

  /** Where the first process of a pid namespace does not wait for orphans, their ends stay. */
  #cannotEnd(pids: readonly number[]): SysError {
    const hasEnded = pids.every((pid) => isZombie(this.#sys, pid));
    const hint = hasEnded ? "it has ended, but its parent does not wait for it" : undefined;
    return new SysError("waitpid", "ETIMEDOUT", `Cannot end task ${pids.join(", ")}`, hint);
  }

  #isGone(pid: number): boolean {
    if (this.#isWaitable(pid)) return false;
    // Tasks that do not descend from us are left for others to be told of their ends.
    return !this.#sys.taskExists(pid) || this.#rootIsSibling && isZombie(this.#sys, pid);
  }

  /** Takes all that there is to tell of a task; returns whether there may be more to come. */
  #isWaitable(pid: number): boolean {
    for (;;) {
      let gone = false;
      const event = ignoring("ECHILD", () => this.#sys.wait(pid, 0), () => gone = true);
      if (gone) return false;
      if (event === undefined) return true;
    }
  }
}

function isZombie(sys: Sys, pid: number): boolean {
  // Its parent may take its end at any time: then there is no such file, or it cannot be read any more.
  const stat = ignoring("ESRCH", () => ignoring("ENOENT", () => readText(sys, `/proc/${pid}/stat`))) ?? "";
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

function ignoring<T>(code: string, action: () => T, otherwise?: () => void): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SysError) || error.code !== code) throw error;
    otherwise?.();
    return undefined;
  }
}
