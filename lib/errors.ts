/**
 * The kinds of failure a user can meet, and the exit status of each.
 *
 * Every message is one sentence: what was attempted, on what, what was found, and where it helps what to do next.
 * Library code throws these and never prints; only `main.ts` turns them into text and an exit status.
 */

/** One thing wrong with an input: where it is, and what was found there. */
export interface Problem {
  /** `"core-5001.img, entry 0, offset 8"`, `"task 5001"`, `"set 3, controller cpu"`. */
  readonly where: string;
  /** What was found, and what would be right; no final period. */
  readonly what: string;
}

/** Base of all failures that are not bugs; `exitStatus` is documented in the README. */
export abstract class CgrestoreError extends Error {
  abstract readonly exitStatus: number;
}

/** The command line cannot be understood. */
export class UsageError extends CgrestoreError {
  override readonly name = "UsageError";
  readonly exitStatus = 2;
}

/** An error that carries every problem found, so that one run tells them all. */
abstract class ProblemsError extends CgrestoreError {
  constructor(summary: string, readonly problems: readonly Problem[], options?: ErrorOptions) {
    super(summary, options);
  }
}

/** The checkpoint is damaged, incomplete or inconsistent. */
export class ImageError extends ProblemsError {
  override readonly name = "ImageError";
  readonly exitStatus = 3;
}

/** The checkpoint is sound, but cannot be restored on this host or with these options. */
export class PlanError extends ProblemsError {
  override readonly name = "PlanError";
  readonly exitStatus = 4;
}

/** A call of the kernel failed. */
export class SysError extends CgrestoreError {
  override readonly name = "SysError";
  readonly exitStatus = 5;
  /**
   * @param call the system call, as its manual page names it: `"mount"`
   * @param code the errno's name: `"EBUSY"`
   * @param attempt what was tried, on what: `Cannot write "1" to "cpu:/job/cpu.shares"`
   * @param hint what the user can do about it
   */
  constructor(
    readonly call: string,
    readonly code: string,
    readonly attempt: string,
    readonly hint?: string,
    options?: ErrorOptions,
  ) {
    super(`${attempt}: ${code}${hint === undefined ? "" : ` (${hint})`}`, options);
  }
}

/** What the kernel says differs from what the plan promised. */
export class VerifyError extends ProblemsError {
  override readonly name = "VerifyError";
  readonly exitStatus = 6;
}

/** The restore failed (`cause`), and something could not be undone. */
export class UndoError extends ProblemsError {
  override readonly name = "UndoError";
  readonly exitStatus = 7;
}

/** A signal asked for an end; everything done so far was undone. */
export class InterruptedError extends CgrestoreError {
  override readonly name = "InterruptedError";
  readonly exitStatus: number;
  constructor(readonly signal: number) {
    super(`Interrupted by signal ${signal}: everything done so far was undone`);
    this.exitStatus = 128 + signal;
  }
}

/** An action script of the user's failed; everything done so far was undone. */
export class ActionError extends CgrestoreError {
  override readonly name = "ActionError";
  readonly exitStatus = 8;
}

/** Exit status of an unexpected error, which is a bug (`EX_SOFTWARE` of sysexits.h). */
export const EXIT_BUG = 70;

/** Throws `new kind(summary, problems)` when there are problems. */
export function throwProblems(
  kind: new (summary: string, problems: readonly Problem[]) => Error,
  summary: string,
  problems: readonly Problem[],
): void {
  if (problems.length > 0) throw new kind(summary, problems);
}

/** The result of `action`, or `undefined` when it fails with one of `codes`. */
export function orUndefined<T>(codes: readonly string[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof SysError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
