import { describeError, exitStatusOf, renderError } from "../report/render_error.ts";
import { renderJson } from "../report/render_json.ts";
import type { Sys } from "../sys/sys.ts";
import { renderHelp, renderVersion } from "./help.ts";
import type { Invocation } from "./invocation.ts";
import { type Output, wantsColor } from "./output.ts";
import { parseArgs } from "./parse_args.ts";
import { runLogged } from "./run_logged.ts";
import { runPlan } from "./run_plan.ts";
import { runShow } from "./run_show.ts";
import { runSwrk } from "./swrk/run_swrk.ts";

/** Opens the kernel; called once, and only by commands that need it. */
export type OpenSys = () => Sys & Disposable;

/** What a run gets from outside. */
export interface Surroundings {
  readonly openSys: OpenSys;
  readonly output: Output;
  /** The name that the caller used for this program, without directories. */
  readonly calledAs: () => string;
}

/** Runs a command line, without the program's name. Returns the exit status; never throws. */
export function run(argv: readonly string[], surroundings: Surroundings): number {
  let invocation: Invocation | undefined;
  try {
    invocation = parseArgs(argv);
    return runInvocation(invocation, surroundings);
  } catch (error) {
    return tell(error, surroundings.output, invocation);
  }
}

function runInvocation(invocation: Invocation, { openSys, output, calledAs }: Surroundings): number {
  if (invocation.command === "help") output.out(renderHelp(invocation.topic));
  if (invocation.command === "version") output.out(renderVersion(calledAs()));
  if (invocation.command === "help" || invocation.command === "version") return 0;
  using sys = openSys();
  switch (invocation.command) {
    case "show":
      return runShow(invocation, sys, output);
    case "plan":
      return runPlan(invocation, sys, output);
    case "restore":
      return runLogged(invocation, sys, output);
    case "swrk":
      return runSwrk(invocation, sys, output);
  }
}

/** Tells an error: on standard error as text and, with `--json`, on standard output as JSON. */
function tell(error: unknown, output: Output, invocation: Invocation | undefined): number {
  const reading = invocation !== undefined && "json" in invocation ? invocation : undefined;
  const color = wantsColor(output, reading?.color);
  output.err(renderError(error, { color, verbosity: reading?.verbosity ?? 0 }));
  if (reading?.json === true) output.out(renderJson("error", describeError(error)));
  return exitStatusOf(error);
}
