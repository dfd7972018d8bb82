import { UsageError } from "../../errors.ts";
import type { CriuOpts } from "../../gen/rpc.ts";
import { CLONE_NEWNET } from "../../sys/constants.ts";
import type { RestoreInvocation } from "../invocation.ts";
import { REFUSED } from "../criu_options.ts";
import { OPTIONS } from "../options.ts";
import { parseArgs } from "../parse_args.ts";
import type { ConfigLine } from "./parse_config.ts";

/** Where CRIU logs unless told. */
const DEFAULT_LOG = "criu.log";
/** `criu_cg_mode` of images/rpc.proto, in its order; the last one is what CRIU calls its default. */
const MODES = ["ignore", "none", "props", "soft", "full", "strict", "soft"];
const MAX_VERBOSITY = 4;

/** Where a request comes from. */
export interface Origin {
  /** Pid of the process whose descriptors the request names. */
  readonly caller: number;
  /** What the caller's configuration file says, which goes before the request. */
  readonly config: readonly ConfigLine[];
}

/**
 * What a caller asks for, understood as the command line that asks for the same.
 *
 * @throws {UsageError} with all that is asked for and not done here
 */
export function buildInvocation(options: CriuOpts, { caller, config }: Origin): RestoreInvocation {
  const problems = findProblems(options);
  if (problems.length > 0) throw new UsageError(["Cannot do what the caller asks for", ...problems].join("\n  "));
  const invocation = parseArgs(withConfig(argsOf(options, caller), config));
  if (invocation.command !== "restore") throw new Error(`Cannot restore: "${invocation.command}" was understood`);
  // There is nobody else whom they could be given to.
  const givesMasters = options.orphanPtsMaster === true && options.notifyScripts === true;
  return givesMasters ? { ...invocation, givesMasters } : invocation;
}

/** What there is no such option for here, and is not refused either, is about dumps, or changes nothing. */
function withConfig(args: readonly string[], config: readonly ConfigLine[]): string[] {
  const known = config.flatMap((line) => {
    const option = OPTIONS.find(({ name, aliases = [] }) => [name, ...aliases].includes(line.name));
    return option?.commands.includes("restore") === true ? [{ ...line, option }] : [];
  });
  const replaced = new Set(known.filter(({ option }) => option.repeatable !== true).map(({ option }) => option.name));
  return [
    ...args.filter((arg) => !replaced.has(/^--([^=]*)/.exec(arg)?.[1] ?? "")),
    ...known.map(({ option, value }) => value === undefined ? `--${option.name}` : `--${option.name}=${value}`),
    ...config.filter(({ name }) => REFUSED.has(name)).map(({ name }) => `--${name}`),
  ];
}

function argsOf(options: CriuOpts, caller: number): string[] {
  return [
    "restore",
    ...directories(options, caller),
    ...values("log-file", options.logToStderr === true ? [] : [options.logFile ?? DEFAULT_LOG]),
    ...values("verbosity", options.logLevel === undefined ? [] : [Math.min(MAX_VERBOSITY, options.logLevel)]),
    ...flags({
      // The caller waits for the root itself.
      "restore-detached": true,
      "restore-sibling": options.rstSibling,
      "leave-stopped": options.leaveStopped,
      "shell-job": options.shellJob,
      "ext-unix-sk": options.extUnixSk,
      "tcp-established": options.tcpEstablished,
      "tcp-close": options.tcpClose,
      "skip-file-rwx-check": options.skipFileRwxCheck,
    }),
    ...values("join-ns", options.joinNs.map(({ ns, nsFile }) => `${ns}:${nsFile}`)),
    ...values("lsm-profile", options.lsmProfile ? [options.lsmProfile] : []),
    ...cgroupArgs(options),
    ...fileArgs(options),
  ];
}

function findProblems(options: CriuOpts): string[] {
  const { imagesDirFd, imagesDir, logFile, manageCgroupsMode = 0, emptyNs = 0, execCmd } = options;
  const rows: [is: boolean, problem: string][] = [
    [descriptorOf(imagesDirFd) === undefined && !imagesDir, "there is no directory of images"],
    [logFile?.includes("/") === true, `the name of the log, "${logFile}", has a slash`],
    [manageCgroupsMode >= MODES.length, `there is no mode ${manageCgroupsMode} for cgroups`],
    [emptyNs !== 0 && emptyNs !== CLONE_NEWNET, `only net namespaces can be left empty, not 0x${emptyNs.toString(16)}`],
    [execCmd.length > 0, `the program "${execCmd[0]}" cannot be run in the end (exec_cmd)`],
    [options.lazyPages === true, "pages cannot be fetched later (lazy_pages)"],
    [Boolean(options.lsmMountContext), `the security context "${options.lsmMountContext}" cannot be set for mounts`],
  ];
  return rows.filter(([is]) => is).map(([, problem]) => problem);
}

/** A descriptor that is one. */
function descriptorOf(number: number | undefined): number | undefined {
  return number === undefined || number < 0 ? undefined : number;
}

function directories({ imagesDirFd, imagesDir, workDirFd }: CriuOpts, caller: number): string[] {
  const pathOf = (number: number | undefined) => {
    const fd = descriptorOf(number);
    return fd === undefined ? [] : [`/proc/${caller}/fd/${fd}`];
  };
  const images = [...pathOf(imagesDirFd), ...imagesDir ? [imagesDir] : []];
  return [...values("images", images.slice(0, 1)), ...values("work-dir", pathOf(workDirFd))];
}

function cgroupArgs({ manageCgroups, manageCgroupsMode, cgRoot, cgroupYard }: CriuOpts): string[] {
  const older = manageCgroups === undefined ? [] : [manageCgroups ? "soft" : "ignore"];
  const mode = manageCgroupsMode === undefined ? older : [MODES[manageCgroupsMode] ?? "soft"];
  const roots = cgRoot.map(({ ctrl, path }) => ctrl === undefined ? path : `${ctrl}:${path}`);
  return [
    ...values("manage-cgroups", mode),
    ...values("cgroup-root", roots),
    ...values("cgroup-yard", cgroupYard ? [cgroupYard] : []),
  ];
}

function fileArgs({ root, extMnt, autoExtMnt, veths, external, inheritFd, emptyNs }: CriuOpts): string[] {
  return [
    ...values("root", root ? [root] : []),
    ...values("external", firstOfEach(extMnt).map(({ key, val }) => `mnt[${key}]:${val}`)),
    ...values("external", autoExtMnt === true ? ["mnt[]"] : []),
    ...values("external", veths.map(({ ifIn, ifOut }) => `veth[${ifIn}]:${ifOut}`)),
    ...values("external", external),
    ...values("inherit-fd", firstOfEach(inheritFd).map(({ key, fd }) => `fd[${fd}]:${key}`)),
    ...values("empty-ns", emptyNs ? ["net"] : []),
  ];
}

/** Callers name a pipe once for each of its descriptors, and a mount once for each place of it: CRIU takes the first. */
function firstOfEach<T extends { readonly key: string }>(named: readonly T[]): T[] {
  return [...new Map(named.toReversed().map((one) => [one.key, one])).values()].toReversed();
}

/** A text is never taken for another option. */
function values(name: string, texts: readonly (string | number)[]): string[] {
  return texts.map((text) => `--${name}=${text}`);
}

function flags(given: Readonly<Record<string, boolean | undefined>>): string[] {
  return Object.entries(given).filter(([, isOn]) => isOn === true).map(([name]) => `--${name}`);
}
