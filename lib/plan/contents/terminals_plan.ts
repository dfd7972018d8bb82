import type { TerminalSettings } from "../../model/files/terminal_file.ts";
import type { Handle } from "./contents_plan.ts";

/** What a restore does about terminals, besides opening them. */
export interface TerminalsPlan {
  /** Masters of pseudoterminals, which come before all other files; by ascending number. */
  readonly masters: readonly MasterOpening[];
  /** By the pid of a session's leader: the open file by which it takes the terminal that controls its session. */
  readonly controlling: ReadonlyMap<number, Handle>;
  /** What tasks do for their sessions when all of them are there. */
  readonly sessionSteps: readonly SessionStep[];
  /** Terminals that are not made here. */
  readonly adoptions: readonly TerminalAdoption[];
  /** Masters that the caller gets. */
  readonly given: readonly Handle[];
  /** What /proc/PID/stat must say, by pid; tasks that are not among them are not looked at. */
  readonly expected: ReadonlyMap<number, ExpectedTerminal>;
}

/**
 * Makes a pseudoterminal with a certain number: the kernel gives the lowest that is free, so others are opened before
 * it and closed again.
 */
export interface MasterOpening {
  readonly handle: Handle;
  readonly index: number;
  /** Of ptmx. */
  readonly path: string;
  readonly flags: number;
}

export type SessionStep =
  /** The leader of a session puts a group into the foreground of its terminal. */
  | { readonly kind: "set-foreground"; readonly pid: number; readonly handle: Handle; readonly group: number }
  /** A task opens /dev/tty, which is its session's terminal, and hands it to the coordinator. */
  | {
    readonly kind: "open-tty";
    readonly pid: number;
    readonly handle: Handle;
    readonly path: string;
    readonly flags: number;
    readonly isExclusive: boolean;
  };

/**
 * A terminal of this host is given to the tasks: it gets mode, size and foreground group of a dumped one, which is
 * undone when the restore fails.
 */
export interface TerminalAdoption {
  /** A descriptor of cgrestore, or a path. */
  readonly by: number | string;
  /** What it is for people: `"/dev/tty1"`. */
  readonly what: string;
  readonly settings: TerminalSettings;
  readonly isExclusive: boolean;
  /** The group to put into its foreground; absent: it stays as it is. */
  readonly foreground?: number;
}

export interface ExpectedTerminal {
  /** Its device number; 0 for none. */
  readonly device: number;
  /** The group in its foreground; absent for no terminal. */
  readonly foreground?: number;
}
