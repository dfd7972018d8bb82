import { SysError, UsageError } from "../../errors.ts";
import type { CriuReq } from "../../gen/rpc.ts";
import { describeDescriptors } from "../../host/describe_descriptors.ts";
import { exitStatusOf, renderError } from "../../report/render_error.ts";
import { S_IFMT, S_IFSOCK } from "../../sys/constants.ts";
import { readText } from "../../sys/files.ts";
import type { Sys } from "../../sys/sys.ts";
import type { SwrkInvocation } from "../invocation.ts";
import type { Output, Stage } from "../output.ts";
import { runLogged } from "../run_logged.ts";
import { CRIU_VERSION, VERSION } from "../version.ts";
import { buildInvocation } from "./build_invocation.ts";
import { Caller } from "./caller.ts";
import { REQUEST } from "./encode_response.ts";
import { type ConfigLine, parseConfig } from "./parse_config.ts";

/** Whose requests are understood: callers refuse a CRIU that is too old for what they ask. */
const PROTOCOL = { ...CRIU_VERSION, name: `cgrestore ${VERSION}` };

/** How errors are told to callers. */
const PLAIN = { color: false, verbosity: 0 };

/**
 * Serves the caller at the other end of a socket, as `criu swrk` does (criu/cr-service.c): one request, or several, if
 * the caller says that more follow. Nothing is written to the standard streams, which are the container's, but why a
 * request is refused before there is a log. Returns the exit status.
 *
 * @throws {UsageError} when cgrestore was not started with such a socket, and when what comes is no request
 */
export function runSwrk({ descriptor }: SwrkInvocation, sys: Sys, output: Output): number {
  refuseUnlessSocket(sys, descriptor);
  const caller = new Caller(sys, descriptor);
  for (;;) {
    const request = caller.receive();
    if (request === undefined) return 0;
    const status = answer(request, caller, { sys, output });
    if (status !== 0 || request.keepOpen !== true) return status;
  }
}

/** Any other descriptor is the runtime's own. */
function refuseUnlessSocket(sys: Sys, fd: number): void {
  const given = describeDescriptors(sys, [fd]).get(fd);
  if (given !== undefined && (given.mode & S_IFMT) === S_IFSOCK) return;
  throw new UsageError(`Cannot serve descriptor ${fd}: cgrestore was not started with a socket there`);
}

interface Context {
  readonly sys: Sys;
  readonly output: Output;
}

function answer(request: CriuReq, caller: Caller, context: Context): number {
  const { type } = request;
  switch (type) {
    case REQUEST.version:
      caller.send({ type, success: true, version: PROTOCOL });
      return 0;
    case REQUEST.featureCheck:
      caller.send({ type, success: true, hasNoFeatures: true });
      return 0;
    case REQUEST.restore:
      return answerRestore(request, caller, context);
    default:
      caller.send({
        type,
        success: false,
        message: `Cannot meet request ${type}: cgrestore restores, and does nothing else`,
      });
      return 1;
  }
}

function answerRestore({ opts }: CriuReq, caller: Caller, { sys, output }: Context): number {
  let invocation;
  try {
    if (opts === undefined) throw new UsageError("Cannot restore: the request has no options");
    invocation = buildInvocation(opts, { caller: sys.getppid(), config: readConfig(sys, opts.configFile) });
  } catch (error) {
    // There is no log yet, and few callers show the message.
    output.err(renderError(error, PLAIN));
    return refuse(caller, error);
  }
  const isTold = opts?.notifyScripts === true;
  let root = 0;
  const notify = (stage: Stage) => {
    root = stage.rootPid ?? root;
    return isTold ? caller.notify(stage) : undefined;
  };
  const err = invocation.logFile === undefined ? output.err : () => {};
  try {
    const status = runLogged(invocation, sys, { ...output, out: () => {}, err, notify });
    caller.send({ type: REQUEST.restore, success: true, rootPid: root });
    return status;
  } catch (error) {
    return refuse(caller, error);
  }
}

/** The file that the caller names for its users, such as /etc/criu/runc.conf; none when there is no such file. */
function readConfig(sys: Sys, path: string | undefined): ConfigLine[] {
  const text = path ? readOptionalText(sys, path) : "";
  const lines = parseConfig(text);
  if (typeof lines !== "string") return lines;
  throw new UsageError(`Cannot understand the configuration file "${path}": ${JSON.stringify(lines)} is no option`);
}

function readOptionalText(sys: Sys, path: string): string {
  try {
    return readText(sys, path);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return "";
    throw error;
  }
}

function refuse(caller: Caller, error: unknown): number {
  const message = renderError(error, PLAIN).trimEnd();
  caller.send({ type: REQUEST.restore, success: false, message });
  return exitStatusOf(error);
}
