import { UsageError } from "../errors.ts";
import { MANAGE_MODES, type PlanOptions } from "../plan/plan.ts";
import type { Invocation } from "./invocation.ts";
import { nearest } from "./nearest.ts";
import { REFUSED, WITHOUT_EFFECT } from "./criu_options.ts";
import { type CommandName, COMMANDS, findCommand, OPTIONS, type OptionSpec } from "./options.ts";
import { optional, OptionReader, perhaps } from "./option_reader.ts";
import { readPlanOptions } from "./read_plan_options.ts";
import { tokenizeArgs, type Tokens, withDashes } from "./tokenize_args.ts";

/**
 * Understands a command line, without the program's name.
 *
 * `--help` and `--version` win over everything else, mistakes included.
 *
 * @throws {UsageError} with every mistake found, one a line
 */
export function parseArgs(argv: readonly string[]): Invocation {
  const tokens = tokenizeArgs(argv);
  const { command, problems } = findCommandIn(tokens);
  if (isOn(tokens, "help")) return helpAbout(tokens.positionals[0]);
  if (isOn(tokens, "version")) return { command: "version" };
  problems.push(...tokens.problems, ...unknownOptions(tokens), ...misplacedOptions(tokens, command));
  const invocation = buildInvocation(command, new OptionReader(tokens, problems));
  if (problems.length === 1) throw new UsageError(problems[0]);
  if (problems.length > 1) {
    throw new UsageError(
      [`Cannot understand the command line: ${problems.length} mistakes`, ...problems].join("\n  "),
    );
  }
  return invocation;
}

function buildInvocation(command: CommandName, reader: OptionReader): Invocation {
  if (command === "help") return helpAbout(reader.argument);
  if (command === "version") return { command };
  if (command === "swrk") return { command, descriptor: Number(reader.argument) };
  const reading = readingOptions(reader);
  if (command === "show") return { command, ...reading };
  const planOptions = readPlanOptions(reader);
  reader.flag("file-locks");
  for (const { name, value } of WITHOUT_EFFECT) {
    if (value === undefined) reader.flag(name);
    else reader.values(name);
  }
  const restore = {
    workDir: reader.value("work-dir") ?? reading.images,
    ...optional("logFile", reader.value("log-file")),
    ...optional("pidfile", reader.value("pidfile")),
    ...optional("cgroupYard", reader.value("cgroup-yard")),
    detached: reader.flag("restore-detached") ?? false,
    wait: readWait(reader, planOptions),
    actionScripts: reader.values("action-script"),
    leaveStopped: reader.flag("leave-stopped") ?? false,
    rehearse: reader.flag("rehearse") ?? false,
  };
  const isPlan = command === "plan" || reader.flag("dry-run") === true;
  return isPlan ? { command: "plan", ...reading, planOptions } : { command, ...reading, ...restore, planOptions };
}

/** Whom nobody waits for cannot be waited for. A job is waited for by its shell, and so by us. */
function readWait(reader: OptionReader, { shellJob }: PlanOptions): boolean {
  const wait = reader.flag("wait");
  const others = ["restore-detached", "restore-sibling", "leave-stopped", "rehearse"].filter((other) => (
    reader.flag(other) === true
  ));
  for (const other of others) if (wait === true) reader.exclude("wait", other);
  return wait ?? (shellJob && others.length === 0);
}

function readingOptions(reader: OptionReader) {
  reader.flag("default-config");
  return {
    images: reader.value("images") ?? ".",
    json: reader.flag("json") ?? false,
    ...optional("color", reader.flag("color")),
    verbosity: reader.verbosity(),
  };
}

function helpAbout(topic: string | undefined): Invocation {
  return { command: "help", ...optional("topic", findCommand(topic ?? "")?.name) };
}

/** The command, `restore` unless given, and what is wrong with the arguments that are not options. */
function findCommandIn(tokens: Tokens): { command: CommandName; problems: string[] } {
  const [first, ...rest] = tokens.positionals;
  if (first === undefined) return { command: COMMANDS[0].name, problems: [] };
  const command = findCommand(first)?.name;
  const names = COMMANDS.map(({ name }) => name);
  if (command === undefined) {
    const problem = spacedMode(tokens, first) ??
      `Cannot run "${first}": there is no such command${
        perhaps(nearest(first, names)) || `; images are given as "-D DIR"`
      }`;
    return { command: COMMANDS[0].name, problems: [problem] };
  }
  if (command === "help" && rest[0] !== undefined && findCommand(rest[0]) === undefined) {
    return { command, problems: [`Cannot explain "${rest[0]}": the commands are ${names.join(", ")}`] };
  }
  const extra = command === "help" || command === "swrk" ? rest.slice(1) : rest;
  const problems = extra.map((text) =>
    spacedMode(tokens, text) ?? `Cannot use "${text}": "${command}" takes no such argument`
  );
  if (command === "swrk" && !/^\d{1,9}$/.test(rest[0] ?? "")) {
    problems.push(`Cannot serve "${rest[0] ?? ""}": the number of a descriptor is needed, as in "swrk 3"`);
  }
  return { command, problems };
}

/** The complaint about `--manage-cgroups MODE`, which getopt_long(3), and CRIU, do not take for a mode. */
function spacedMode(tokens: Tokens, text: string): string | undefined {
  const isMode = MANAGE_MODES.some((mode) => mode === text);
  if (!isMode || !tokens.values.get("manage-cgroups")?.includes("")) return undefined;
  return `Cannot use "--manage-cgroups ${text}": "=" is needed, as in "--manage-cgroups=${text}"`;
}

function unknownOptions(tokens: Tokens): string[] {
  const known = OPTIONS.flatMap((option) => [option.name, ...option.aliases ?? []]).map(withDashes);
  return tokens.unknown.map((shown) => {
    const why = REFUSED.get(shown.slice(2)) ?? `there is no such option${perhaps(nearest(shown, known))}`;
    return `Cannot use "${shown}": ${why}`;
  });
}

function misplacedOptions(tokens: Tokens, command: CommandName): string[] {
  return OPTIONS.filter((option) => tokens.values.has(option.name) && !option.commands.includes(command)).map((
    option,
  ) => `Cannot use "--${option.name}" with "${command}": it is an option of ${listCommands(option)}`);
}

function listCommands(option: OptionSpec): string {
  return option.commands.map((name) => `"${name}"`).join(", ").replace(/, ([^,]*)$/, " and $1");
}

function isOn(tokens: Tokens, name: string): boolean {
  return tokens.values.get(name)?.at(-1) === true;
}
