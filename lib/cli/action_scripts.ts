import { ActionError, SysError } from "../errors.ts";
import { O_DIRECTORY, O_PATH } from "../sys/constants.ts";
import { runToEnd } from "../sys/run_to_end.ts";
import type { Sys } from "../sys/sys.ts";
import { exitCode, exited, termSignal } from "../sys/wait_status.ts";
import type { Log, Output, Stage } from "./output.ts";

/** Stages of a restore, as CRIU calls them (criu.8, --action-script). */
export type Action =
  | "pre-restore"
  | "setup-namespaces"
  | "post-setup-namespaces"
  | "orphan-pts-master"
  | "post-restore"
  | "network-unlock"
  | "pre-resume"
  | "post-resume";

/** Actions whose failure comes too late to change anything. */
const LATE: ReadonlySet<Action> = new Set(["pre-resume", "post-resume"]);

export interface ActionOptions {
  /** The user's scripts; each is run for every action. */
  readonly scripts: readonly string[];
  /** Directory of the images. */
  readonly images: string;
  /** Descriptor that the scripts write to. */
  readonly output: number;
  readonly log: Log;
  readonly notify: Output["notify"];
}

/** Runs the user's scripts at the stages of a restore, and tells the caller of them who wants to know. */
export class ActionScripts implements Disposable {
  readonly #sys: Sys;
  readonly #options: ActionOptions;
  #directory: number | undefined;

  constructor(sys: Sys, options: ActionOptions) {
    this.#sys = sys;
    this.#options = options;
  }

  /**
   * Runs all scripts for one action, one after the other, to their ends, and then tells the caller.
   *
   * @param rootPid pid of the root task on this host, when there is one
   * @throws {ActionError} when one fails and that can still change something; then the others are not run
   */
  run(action: Action, rootPid?: number): void {
    const { scripts, log } = this.#options;
    for (const script of scripts) {
      log.debug(`Running ${script} for ${action}`);
      const problem = this.#runScript(script, this.#environment(action, rootPid));
      if (problem !== undefined) this.#complain(action, `the script "${script}" ${problem}`);
    }
    this.#notify({ action, rootPid });
  }

  /**
   * Gives the caller the master of a terminal; scripts could not take it.
   *
   * @throws {ActionError} when that fails
   */
  giveMaster(master: number): void {
    this.#notify({ action: "orphan-pts-master", master });
  }

  #notify(stage: Stage): void {
    const problem = this.#options.notify?.(stage);
    if (problem !== undefined) this.#complain(stage.action, problem);
  }

  #complain(action: Action, problem: string): void {
    if (!LATE.has(action)) throw new ActionError(`Cannot go on after ${action}: ${problem}`);
    this.#options.log.warning(`At ${action}, ${problem}`);
  }

  [Symbol.dispose](): void {
    if (this.#directory !== undefined) this.#sys.close(this.#directory);
    this.#directory = undefined;
  }

  #environment(action: Action, rootPid: number | undefined): Record<string, string> {
    this.#directory ??= this.#sys.open(this.#options.images, O_PATH | O_DIRECTORY);
    return {
      CRTOOLS_SCRIPT_ACTION: action,
      CRTOOLS_IMAGE_DIR: `/proc/${this.#sys.getpid()}/fd/${this.#directory}`,
      ...rootPid === undefined ? {} : { CRTOOLS_INIT_PID: String(rootPid) },
    };
  }

  /** Why a script has failed, if it has. */
  #runScript(script: string, environment: Record<string, string>): string | undefined {
    try {
      const status = runToEnd(this.#sys, script, { environment, output: this.#options.output, timeoutMs: Infinity });
      if (exited(status)) return exitCode(status) === 0 ? undefined : `has ended with status ${exitCode(status)}`;
      return `has died of signal ${termSignal(status)}`;
    } catch (error) {
      if (!(error instanceof SysError) || error.call !== "posix_spawnp") throw error;
      return `cannot be run: ${error.code}`;
    }
  }
}
