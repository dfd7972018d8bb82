import { type CommandName, COMMANDS, findCommand, OPTIONS, type OptionSpec } from "./options.ts";
import { CRIU_VERSION, VERSION } from "./version.ts";

const WIDTH = 80;
/** Column in which the explanation of an option begins. */
const COLUMN = 30;

const EXIT_STATUSES = [
  ["0", "done and verified"],
  ["2", "the command line cannot be understood"],
  ["3", "the checkpoint is damaged"],
  ["4", "the checkpoint cannot be restored on this host, or with these options"],
  ["5", "a system call failed; everything was undone"],
  ["6", "the kernel says something else than planned; everything was undone"],
  ["7", "the restore failed, and something could not be undone"],
  ["8", "an action script failed; everything was undone"],
  ["70", "an error of cgrestore itself"],
  ["128+N", "ended by signal N; everything was undone"],
] as const;

/** The help for one command, or for all of them together; at most 80 columns wide. */
export function renderHelp(topic?: CommandName): string {
  return (topic === undefined ? renderOverview() : renderCommand(topic)).join("\n") + "\n";
}

/**
 * The version, as a line. Who calls us `criu` gets the one of CRIU that may be counted on, in CRIU's form: LXC restores
 * nothing before it has read it (`criu_version_ok` in its criu.c).
 */
export function renderVersion(calledAs: string): string {
  const ours = `cgrestore ${VERSION}`;
  const { major, minor } = CRIU_VERSION;
  return calledAs === "criu" ? `Version: ${major}.${minor} (${ours})\n` : `${ours}\n`;
}

function renderOverview(): string[] {
  return [
    "Usage: cgrestore [COMMAND] [OPTION]...",
    "",
    ...wrap("Restores the tasks of a CRIU checkpoint into their cgroups.", 0),
    "",
    "Commands",
    ...COMMANDS.flatMap(({ name, summary }) => row(name, summary, 12)),
    "",
    ...renderOptions(OPTIONS),
    "",
    "Examples",
    ...COMMANDS.flatMap(({ name, examples }) => name === "help" || name === "version" ? [] : renderExamples(examples)),
    "",
    "Exit status",
    ...EXIT_STATUSES.flatMap(([status, meaning]) => row(status, meaning, 12)),
  ];
}

function renderCommand(topic: CommandName): string[] {
  const command = findCommand(topic);
  if (command === undefined) return [];
  const words = topic === COMMANDS[0].name ? `[${topic}]` : topic;
  return [
    `Usage: cgrestore ${"argument" in command ? `${words} ${command.argument}` : words} [OPTION]...`,
    "",
    ...wrap(command.summary, 0),
    "",
    ...renderOptions(OPTIONS.filter((option) => option.commands.includes(topic))),
    "",
    "Examples",
    ...renderExamples(command.examples),
  ];
}

function renderExamples(examples: readonly (readonly [string, string])[]): string[] {
  return examples.flatMap(([line, meaning]) => [`  ${line}`, ...wrap(meaning, 6)]);
}

function renderOptions(options: readonly OptionSpec[]): string[] {
  const idle = options.filter(({ help }) => help === undefined);
  return [
    "Options",
    ...options.flatMap((option) => option.help === undefined ? [] : row(writeOption(option), option.help, COLUMN)),
    ...idle.length === 0 ? [] : [
      "",
      "Accepted because CRIU does, and without effect",
      ...wrap(idle.map((option) => writeOption(option).trim()).join("; "), 2),
    ],
  ];
}

/** The ways to write an option: `-D, --images DIR, --images-dir DIR`. */
function writeOption({ name, short, aliases, kind, value, shownAs }: OptionSpec): string {
  const suffix = { flag: "", value: ` ${value}`, optional: `[=${value}]`, level: `=${value}` }[kind];
  const long = [name, ...aliases ?? []].map((text) => `${shownAs ?? `--${text}`}${suffix}`);
  const shortForm = short === undefined ? "   " : `-${short}${kind === "level" ? `[${value}]` : ""},`;
  return `${shortForm} ${long.join(", ")}`;
}

/** A term and its explanation, side by side where the term is short enough. */
function row(term: string, explanation: string, column: number): string[] {
  const lines = wrap(explanation, column);
  if (term.length + 4 > column) return [`  ${term}`, ...lines];
  const [first = "", ...rest] = lines;
  return [`  ${term}`.padEnd(column) + first.trimStart(), ...rest];
}

/** Words in lines of at most `WIDTH` columns, each indented. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => " ".repeat(indent) + one);
}
