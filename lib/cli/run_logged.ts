import { renderError } from "../report/render_error.ts";
import type { Sys } from "../sys/sys.ts";
import { inWorkDir, type RestoreInvocation } from "./invocation.ts";
import { Log, LogFile, type Output } from "./output.ts";
import { runRestore } from "./run_restore.ts";

const STDOUT = 1;
const STDERR = 2;

/** Restores, with the log open before anything else, and the error in it when that fails. */
export function runLogged(invocation: RestoreInvocation, sys: Sys, output: Output): number {
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
