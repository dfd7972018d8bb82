import type { PlanOptions } from "../plan/plan.ts";
import type { CommandName } from "./options.ts";

/** What the user asked for: one command, with every option checked and every default filled in. */
export type Invocation =
  | RestoreInvocation
  | PlanInvocation
  | ShowInvocation
  | SwrkInvocation
  | HelpInvocation
  | VersionInvocation;

/** What every command that reads a checkpoint has. */
interface ReadingInvocation {
  /** Directory of the images, relative to the current one; default `"."`. */
  readonly images: string;
  readonly json: boolean;
  /** Absent: as the terminal is. */
  readonly color?: boolean;
  /** 0 nothing, 1 errors, 2 warnings, 3 information, 4 debugging. */
  readonly verbosity: number;
}

export interface RestoreInvocation extends ReadingInvocation {
  readonly command: "restore";
  /** Directory that relative names of `logFile`, `pidfile` and `cgroupYard` start from; default `images`. */
  readonly workDir: string;
  /** As given; `"-"` is standard output; absent: standard error. */
  readonly logFile?: string;
  /** As given. */
  readonly pidfile?: string;
  /** As given. */
  readonly cgroupYard?: string;
  readonly detached: boolean;
  /** Whether to wait for the root task's end. */
  readonly wait: boolean;
  /** Programs to run at the stages of the restore. */
  readonly actionScripts: readonly string[];
  readonly leaveStopped: boolean;
  readonly rehearse: boolean;
  /** Whether a container runtime takes the masters of pseudoterminals that were not dumped. */
  readonly givesMasters?: boolean;
  readonly planOptions: PlanOptions;
}

/** `plan`, and `restore --dry-run`, whose options for the restore itself have no effect. */
export interface PlanInvocation extends ReadingInvocation {
  readonly command: "plan";
  readonly planOptions: PlanOptions;
}

export interface ShowInvocation extends ReadingInvocation {
  readonly command: "show";
}

export interface SwrkInvocation {
  readonly command: "swrk";
  /** The socket that the requests come on. */
  readonly descriptor: number;
}

export interface HelpInvocation {
  readonly command: "help";
  /** The command to explain; absent: all. */
  readonly topic?: CommandName;
}

export interface VersionInvocation {
  readonly command: "version";
}

/** `file` as the current directory sees it, where it is relative to the work directory. */
export function inWorkDir(invocation: RestoreInvocation, file: string): string {
  return file.startsWith("/") ? file : `${invocation.workDir}/${file}`;
}
