import { printable } from "../report/printable.ts";
import { O_CREAT, O_TRUNC, O_WRONLY } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import type { Action } from "./action_scripts.ts";

/** Where a command writes; a plain object. Texts come with their final line end. */
export interface Output {
  /** Results: standard output. */
  readonly out: (text: string) => void;
  /** Errors and progress: standard error. */
  readonly err: (text: string) => void;
  /** Whether both are a terminal. */
  readonly isTerminal: boolean;
  /** Whether the environment asks for texts without colour (`NO_COLOR`). */
  readonly noColor: boolean;
  /** Whom a restore tells of its stages, besides the user's scripts; returns why that has failed, if it has. */
  readonly notify?: (stage: Stage) => string | undefined;
}

/** A stage of a restore. */
export interface Stage {
  readonly action: Action;
  /** Pid of the root task, when there is one. */
  readonly rootPid?: number | undefined;
  /** With `orphan-pts-master`: the master of a terminal, which stays open until the call returns. */
  readonly master?: number;
}

/** What `restore` writes to. */
export interface LoggedOutput extends Output {
  readonly log: Log;
  /** The descriptor that the log is written to. */
  readonly logDescriptor: number;
}

/** Whether texts are coloured: as the user says, else on a terminal. */
export function wantsColor(output: Output, choice: boolean | undefined): boolean {
  return choice ?? (output.isTerminal && !output.noColor);
}

/** Levels by the number that `-v` gives them. */
const LEVELS = { error: 1, warning: 2, info: 3, debug: 4 } as const;
/** Where CRIU names one of its sources, cgrestore names itself. */
const LABELS = { error: "Error (cgrestore)", warning: "Warn (cgrestore)", info: "Info", debug: "Debug" } as const;
type LogLevel = keyof typeof LEVELS;

/** Mode of a new log file, as CRIU's: it may tell of other users' tasks. */
const LOG_MODE = 0o600;

/**
 * The log: lines `(00.012345) Error (cgrestore): text`, with seconds since the start of the process.
 *
 * The form is CRIU's, so that runtimes find errors in both: crun shows lines with `Error `. Each line is one write(2).
 */
export class Log {
  readonly #write: (text: string) => void;
  readonly #verbosity: number;
  readonly #now: () => number;

  /** `now` tells milliseconds since the start of the process. */
  constructor(write: (text: string) => void, verbosity: number, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#verbosity = verbosity;
    this.#now = now;
  }

  error(text: string): void {
    this.#line("error", text);
  }

  warning(text: string): void {
    this.#line("warning", text);
  }

  info(text: string): void {
    this.#line("info", text);
  }

  debug(text: string): void {
    this.#line("debug", text);
  }

  #line(level: LogLevel, text: string): void {
    if (LEVELS[level] > this.#verbosity) return;
    this.#write(`(${(this.#now() / 1000).toFixed(6).padStart(9, "0")}) ${LABELS[level]}: ${printable(text)}\n`);
  }
}

/** An open log file. */
export class LogFile implements Disposable {
  readonly #sys: Sys;
  readonly #fd: number;

  /**
   * Makes the file, or empties the one that is there.
   *
   * @throws {SysError} when it cannot be opened
   */
  constructor(sys: Sys, path: string) {
    this.#sys = sys;
    this.#fd = sys.open(path, O_WRONLY | O_CREAT | O_TRUNC, LOG_MODE);
  }

  get descriptor(): number {
    return this.#fd;
  }

  /** @throws {SysError} when the file system is full, or fails */
  write(text: string): void {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(this.#sys.write(this.#fd, rest));
  }

  [Symbol.dispose](): void {
    this.#sys.close(this.#fd);
  }
}
