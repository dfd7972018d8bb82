import {
  CgrestoreError,
  EXIT_BUG,
  ImageError,
  PlanError,
  type Problem,
  SysError,
  UndoError,
  UsageError,
  VerifyError,
} from "../errors.ts";
import { printable } from "./printable.ts";
import { makeStyle } from "./style.ts";

/** Verbosity from which on the causes of an error are told, and all of its problems. */
const ALL_FROM = 3;

/** Problems that are told without being asked for more. */
const FEW = 50;

/** How errors are told. */
export interface ErrorOptions {
  readonly color: boolean;
  /** `-v`: from 3 on with the causes, and with all problems. */
  readonly verbosity: number;
}

/**
 * An error as text for people: what failed, every problem on a line of its own, and what caused it.
 *
 * Of very many problems the first are told, and how many more there are. The causes come with `-v`; those of an `UndoError` always, because its cause is why there was something to undo.
 * Anything but a `CgrestoreError` is a bug and comes with its stack.
 */
export function renderError(error: unknown, options: ErrorOptions): string {
  const style = makeStyle(options.color);
  if (!(error instanceof CgrestoreError)) return renderBug(error, style.red("Bug:"));
  const lines = [`${style.red("Error:")} ${printableLines(error.message)}`];
  const problems = problemsOf(error);
  const told = options.verbosity >= ALL_FROM ? problems : problems.slice(0, FEW);
  for (const { where, what } of told) lines.push(`  ${style.bold(printable(where))}: ${printable(what)}`);
  if (told.length < problems.length) {
    lines.push(`  … and ${problems.length - told.length} more: -v${ALL_FROM} tells all`);
  }
  if (options.verbosity >= ALL_FROM || error instanceof UndoError) {
    for (const cause of causesOf(error)) lines.push(...renderCause(cause));
  }
  if (error instanceof UsageError) lines.push('See "cgrestore help"');
  return lines.join("\n") + "\n";
}

/** The exit status of an error; that of a bug for everything unexpected. */
export function exitStatusOf(error: unknown): number {
  return error instanceof CgrestoreError ? error.exitStatus : EXIT_BUG;
}

/** An error as plain data, for `renderJson`. */
export function describeError(error: unknown): Record<string, unknown> {
  return {
    name: error instanceof CgrestoreError ? error.name : "Bug",
    message: messageOf(error),
    exitStatus: exitStatusOf(error),
    problems: problemsOf(error),
    causes: causesOf(error).map(messageOf),
    ...(error instanceof SysError ? { call: error.call, code: error.code } : {}),
  };
}

/** The problems an error carries; none for kinds without. */
function problemsOf(error: unknown): readonly Problem[] {
  const carries = error instanceof ImageError || error instanceof PlanError || error instanceof VerifyError ||
    error instanceof UndoError;
  return carries ? error.problems : [];
}

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let cause = causeOf(error); cause !== undefined && !causes.includes(cause); cause = causeOf(cause)) {
    causes.push(cause);
  }
  return causes;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function renderCause(cause: unknown): string[] {
  const problems = problemsOf(cause).map(({ where, what }) => `  ${printable(where)}: ${printable(what)}`);
  return [`Caused by: ${printableLines(messageOf(cause))}`, ...problems];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function renderBug(error: unknown, label: string): string {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  const causes = causesOf(error).map((cause) => `Caused by: ${cause instanceof Error ? cause.stack : String(cause)}`);
  return [
    `${label} ${printableLines([stack, ...causes].join("\n"))}`,
    'This is an error of cgrestore itself: please report it to its issue tracker, with these lines, the command line, and the output of "cgrestore version"',
    "",
  ].join("\n");
}

/** Printable, but with the line ends that the text has. */
function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
