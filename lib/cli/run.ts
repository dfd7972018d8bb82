import { describeError, exitStatusOf, renderError } from "../report/render_error.ts";
import { renderJson } from "../report/render_json.ts";
import type { Sys } from "../sys/sys.ts";
import { renderHelp, renderVersion } from "./help.ts";
import { type Invocation, inWorkDir, type RestoreInvocation } from "./invocation.ts";
import { Log, LogFile, type Output, wantsColor } from "./output.ts";
import { parseArgs } from "./parse_args.ts";
import { runPlan } from "./run_plan.ts";
import { runRestore } from "./run_restore.ts";
import { runShow } from "./run_show.ts";
import { VERSION } from "./version.ts";

/** Opens the kernel; called once, and only by commands that need it. */
export type OpenSys = () => Sys & Disposable;

/** What a run gets from outside. */
export interface Surroundings {
  readonly openSys: OpenSys;
  readonly output: Output;
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

function runInvocation(invocation: Invocation, { openSys, output }: Surroundings): number {
  if (invocation.command === "help") output.out(renderHelp(invocation.topic));
  if (invocation.command === "version") output.out(renderVersion(VERSION));
  if (invocation.command === "help" || invocation.command === "version") return 0;
  using sys = openSys();
  switch (invocation.command) {
    case "show":
      return runShow(invocation, sys, output);
    case "plan":
      return runPlan(invocation, sys, output);
    case "restore":
      return runLogged(invocation, sys, output);
  }
}

const STDOUT = 1;
const STDERR = 2;

/** Restores, with the log open before anything else, and the error in it when that fails. */
function runLogged(invocation: RestoreInvocation, sys: Sys, output: Output): number {
  const { logFile, verbosity } = invocation;
  if (logFile === undefined) {
    const log = new Log((text) => output.err(text), verbosity);
    return runRestore(invocation, sys, { ...output, log, logDescriptor: STDERR });
  }
  using file = logFile === "-" ? undefined : new LogFile(sys, inWorkDir(invocation, logFile));
  const log = new Log((text) => file === undefined ? output.out(text) : file.write(text), verbosity);
  try {
    return runRestore(invocation, sys, { ...output, log, logDescriptor: file?.descriptor ?? STDOUT });
  } catch (error) {
    const text = renderError(error, { color: false, verbosity });
    for (const line of text.trimEnd().split("\n")) log.error(line.replace(/^Error: /, ""));
    throw error;
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
