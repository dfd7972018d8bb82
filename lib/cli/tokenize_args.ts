import yargsParser from "yargs-parser";
import { OPTIONS, type OptionSpec } from "./options.ts";

/** Arguments sorted by what they are; nothing is checked against a command yet. */
export interface Tokens {
  /** Arguments that are not options, those after `--` included. */
  readonly positionals: readonly string[];
  /**
   * What was given for each option, by name, in order: a string, `""` for an optional value left out, `true` for a
   * flag or `-v`, `false` for a negated flag.
   */
  readonly values: ReadonlyMap<string, readonly (string | boolean)[]>;
  /** As written, with dashes and without value. */
  readonly unknown: readonly string[];
  /** What cannot be right whatever the command. */
  readonly problems: readonly string[];
}

/** The part of yargs-parser that is used; the package has no types. */
type ParseDetailed = (args: readonly string[], options: {
  readonly alias: Record<string, string[]>;
  readonly string: string[];
  readonly narg: Record<string, number>;
  readonly configuration: Record<string, boolean>;
  /** Translates a message; here, collects the problems. */
  readonly __: (format: string, name: string) => string;
}) => { readonly argv: Record<string, unknown> };

const parseDetailed: ParseDetailed = yargsParser.detailed;

/** `-v` counts, `--verbosity=N` has a value: to yargs-parser, two options. */
const LEVEL_SHORT = "v";

const CONFIGURATION = {
  "camel-case-expansion": false,
  "dot-notation": false,
  "parse-numbers": false,
  "parse-positional-numbers": false,
  "populate--": true,
  "strip-aliased": true,
};

/** Sorts arguments by the table of options. Never throws: what is wrong is in the result. */
export function tokenizeArgs(argv: readonly string[]): Tokens {
  const problems: string[] = [];
  // Hearing of all of them would take it 3 ms.
  const options = OPTIONS.filter((option) => argv.some((arg) => mayName(arg, option)));
  const { argv: parsed } = parseDetailed(argv.map(normalizeAll()), {
    alias: Object.fromEntries(options.map((option) => [option.name, otherNames(option)])),
    string: options.filter(hasValue).map((option) => option.name),
    narg: { ...Object.fromEntries(options.map((option) => [option.name, hasValue(option) ? 1 : 0])), [LEVEL_SHORT]: 0 },
    configuration: CONFIGURATION,
    __: (format, name) => {
      problems.push(describeProblem(format, name));
      return format;
    },
  });
  const { _: before, "--": after, ...given } = parsed;
  const values = new Map<string, (string | boolean)[]>();
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const option = OPTIONS.find((spec) => spec.name === name || (spec.kind === "level" && name === LEVEL_SHORT));
    const list = [value].flat().filter(isGiven);
    const negated = list.includes(false) && option?.kind !== "flag";
    if (option === undefined || negated) unknown.push(negated ? `--no-${name}` : withDashes(name));
    else values.set(option.name, [...values.get(option.name) ?? [], ...list]);
  }
  return { positionals: [before, after].flat().filter((text) => typeof text === "string"), values, unknown, problems };
}

/** Whether an argument could be an option: letters may stand together, as in `-dj`. */
function mayName(arg: string, { name, short, aliases = [] }: OptionSpec): boolean {
  if (!arg.startsWith("--")) return short !== undefined && arg.startsWith("-") && arg.includes(short);
  return [name, ...aliases].some((long) => arg.startsWith(long, 2) || arg.startsWith(`no-${long}`, 2));
}

function isGiven(value: unknown): value is string | boolean {
  return typeof value === "string" || typeof value === "boolean";
}

function hasValue(option: OptionSpec): boolean {
  return option.kind !== "flag";
}

function otherNames(option: OptionSpec): string[] {
  const short = option.short === undefined || option.kind === "level" ? [] : [option.short];
  return [...option.aliases ?? [], ...short];
}

/** `name` as it is written on a command line. */
export function withDashes(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

function describeProblem(format: string, name: string): string {
  const shown = withDashes(name);
  if (name === LEVEL_SHORT) return 'Cannot use "-v" with "=": the number follows at once, as in "-v4"';
  if (format.startsWith("Argument unexpected")) return `Cannot use "${shown}" with a value: it takes none`;
  const value = OPTIONS.find((option) => option.name === name || otherNames(option).includes(name))?.value ?? "VALUE";
  return `Cannot use "${shown}": it needs a value, as in "${shown}${name.length === 1 ? " " : "="}${value}"`;
}

/**
 * Makes a function that rewrites one argument after the other into forms that yargs-parser reads as getopt_long(3)
 * would: `-Dx` as `-D=x`, and a bare `--manage-cgroups` as `--manage-cgroups=`, which cannot take the next argument.
 */
function normalizeAll(): (arg: string) => string {
  const flags = OPTIONS.filter((option) => !hasValue(option) || option.kind === "level").map(({ short }) =>
    short ?? ""
  );
  const valued = OPTIONS.filter((option) => option.kind === "value").map(({ short }) => short ?? "");
  const attached = new RegExp(`^-([${flags.join("")}]*)([${valued.join("")}])([^=].*)$`, "s");
  const bare = OPTIONS.filter(({ kind }) => kind === "optional" || kind === "level").map(({ name }) => `--${name}`);
  let ended = false;
  return (arg) => {
    ended ||= arg === "--";
    if (ended) return arg;
    return bare.includes(arg) ? `${arg}=` : arg.replace(attached, "-$1$2=$3");
  };
}
