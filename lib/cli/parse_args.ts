import { UsageError } from "../errors.ts";
import { cgroupPathProblem } from "../model/cgroup_path.ts";
import { isDeviceName } from "../model/net_device.ts";
import {
  type CgroupRoot,
  FILE_VALIDATIONS,
  type InheritedFile,
  MANAGE_MODES,
  type MountOptions,
  type OuterEnd,
  type OuterParent,
  type PlanOptions,
} from "../plan/plan.ts";
import type { Invocation } from "./invocation.ts";
import { nearest } from "./nearest.ts";
import { type CommandName, COMMANDS, findCommand, OPTIONS, type OptionSpec } from "./options.ts";
import { tokenizeArgs, type Tokens, withDashes } from "./tokenize_args.ts";

const DEFAULT_VERBOSITY = 2;
const MAX_VERBOSITY = 4;
const ON_MISSING = ["fail", "skip"] as const;
const EMPTY_NAMESPACES = ["net"] as const;
/** How values of `--external` begin that are about devices, and not about mounts. */
const VETH = "veth[";
const MACVLAN = "macvlan[";

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
  const invocation = buildInvocation(command, new Reader(tokens, problems));
  if (problems.length === 1) throw new UsageError(problems[0]);
  if (problems.length > 1) {
    throw new UsageError(
      [`Cannot understand the command line: ${problems.length} mistakes`, ...problems].join("\n  "),
    );
  }
  return invocation;
}

function buildInvocation(command: CommandName, reader: Reader): Invocation {
  if (command === "help") return helpAbout(reader.argument);
  if (command === "version") return { command };
  if (command === "swrk") return { command, descriptor: Number(reader.argument) };
  const reading = readingOptions(reader);
  if (command === "show") return { command, ...reading };
  const planOptions = readPlanOptions(reader);
  reader.flag("file-locks");
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
function readWait(reader: Reader, { shellJob }: PlanOptions): boolean {
  const wait = reader.flag("wait");
  const others = ["restore-detached", "restore-sibling", "leave-stopped", "rehearse"].filter((other) => (
    reader.flag(other) === true
  ));
  for (const other of others) if (wait === true) reader.exclude("wait", other);
  return wait ?? (shellJob && others.length === 0);
}

function readingOptions(reader: Reader) {
  reader.flag("default-config");
  return {
    images: reader.value("images") ?? ".",
    json: reader.flag("json") ?? false,
    ...optional("color", reader.flag("color")),
    verbosity: reader.verbosity(),
  };
}

function readPlanOptions(reader: Reader): PlanOptions {
  return {
    mode: reader.choice("manage-cgroups", MANAGE_MODES) ?? "soft",
    roots: readRoots(reader),
    onMissing: reader.choice("on-missing", ON_MISSING) ?? "fail",
    pidNamespace: reader.flag("pid-namespace") ?? false,
    shellJob: reader.flag("shell-job") ?? false,
    restoreSibling: reader.flag("restore-sibling") ?? false,
    placeholders: reader.flag("placeholders") ?? false,
    fileValidation: reader.choice("file-validation", FILE_VALIDATIONS) ?? "buildid",
    skipFileRwxCheck: reader.flag("skip-file-rwx-check") ?? false,
    inheritedFiles: readInheritedFiles(reader),
    mounts: readMounts(reader),
    outerEnds: readOuterEnds(reader),
    parents: readParents(reader),
    leavesNetEmpty: reader.choice("empty-ns", EMPTY_NAMESPACES) !== undefined,
    externalUnixSockets: reader.has("ext-unix-sk"),
    ...readProfile(reader),
    connections: readConnections(reader),
  };
}

/** `fd[N]:KEY` */
function readInheritedFiles(reader: Reader): InheritedFile[] {
  const files: InheritedFile[] = [];
  for (const text of reader.values("inherit-fd")) {
    const [, number, key] = /^fd\[(\d{1,9})\]:(.+)$/s.exec(text) ?? [];
    if (number === undefined || key === undefined) {
      reader.refuse("inherit-fd", text, 'a descriptor and what it is for are needed, as in "fd[5]:pipe:[77]"');
    } else if (files.some((file) => file.key === key)) {
      reader.refuse("inherit-fd", text, "there is another descriptor for the same");
    } else files.push({ fd: Number(number), key });
  }
  return files;
}

/** `--root`, `--external mnt[KEY]:PATH` and its older form, `--ext-mount-map KEY:PATH`. */
function readMounts(reader: Reader): MountOptions {
  const root = reader.value("root");
  const given = [
    ...reader.values("external").filter((text) => !isOfDevice(text)).map((text) => (
      [text, "external", /^mnt\[([^\]]*)\](?::(.*))?$/s.exec(text)] as const
    )),
    ...reader.values("ext-mount-map").map((text) => (
      [text, "ext-mount-map", text === "auto" ? ["", "", undefined] : /^([^:]+):(.*)$/s.exec(text)] as const
    )),
  ];
  const external: { key: string; path: string }[] = [];
  let takesDetected = false;
  for (const [text, option, match] of given) {
    const [, key, path] = match ?? [];
    if (key === "" && !path?.startsWith("/")) takesDetected = true;
    else if (key === undefined || path === undefined || !path.startsWith("/")) {
      const example = option === "external" ? "mnt[KEY]:/PATH" : "KEY:/PATH";
      reader.refuse(option, text, `the name of a mount and an absolute path are needed, as in "${example}"`);
    } else if (external.some((other) => other.key === key)) {
      reader.refuse(option, text, "there is another path for the same mount");
    } else external.push({ key, path });
  }
  if (root !== undefined && !root.startsWith("/")) reader.refuse("root", root, "an absolute path is needed");
  return { ...optional("root", root?.replace(/(?<=.)\/+$/, "")), external, takesDetected };
}

/** `--external veth[INNER]:NAME@BRIDGE` and its older form, `--veth-pair INNER=NAME@BRIDGE`; the bridge may be left out. */
function readOuterEnds(reader: Reader): OuterEnd[] {
  const given = [
    ...reader.values("external").filter((text) => text.startsWith(VETH)).map((text) => (
      [text, "external", /^veth\[([^\]]*)\]:([^@]*)(?:@(.*))?$/s.exec(text)] as const
    )),
    ...reader.values("veth-pair").map((text) => (
      [text, "veth-pair", /^([^=]*)=([^@]*)(?:@(.*))?$/s.exec(text)] as const
    )),
  ];
  const ends: OuterEnd[] = [];
  for (const [text, option, match] of given) {
    const [, inner = "", name = "", bridge] = match ?? [];
    if (![inner, name, bridge ?? name].every(isDeviceName)) {
      const example = option === "external" ? "veth[eth0]:NAME@BRIDGE" : "eth0=NAME@BRIDGE";
      reader.refuse(option, text, `names of devices are needed, as in "${example}"`);
    } else if (ends.some((other) => other.inner === inner || other.name === name)) {
      reader.refuse(option, text, "there is another end for the same device, or with the same name");
    } else ends.push({ inner, name, ...optional("bridge", bridge) });
  }
  return ends;
}

function isOfDevice(text: string): boolean {
  return text.startsWith(VETH) || text.startsWith(MACVLAN);
}

/** `--external macvlan[INNER]:PARENT` */
function readParents(reader: Reader): OuterParent[] {
  const parents: OuterParent[] = [];
  for (const text of reader.values("external").filter((text) => text.startsWith(MACVLAN))) {
    const [, inner = "", parent = ""] = /^macvlan\[([^\]]*)\]:(.*)$/s.exec(text) ?? [];
    if (![inner, parent].every(isDeviceName)) {
      reader.refuse("external", text, 'names of devices are needed, as in "macvlan[eth0]:PARENT"');
    } else if (parents.some((other) => other.inner === inner)) {
      reader.refuse("external", text, "there is another parent for the same device");
    } else parents.push({ inner, parent });
  }
  return parents;
}

/** `apparmor:NAME` or `none`; names may have colons themselves. */
function readProfile(reader: Reader): Pick<PlanOptions, "profile"> {
  const text = reader.value("lsm-profile");
  if (text === undefined) return {};
  if (text === "none") return { profile: "none" };
  const [, appArmor] = /^apparmor:(.+)$/s.exec(text) ?? [];
  if (appArmor !== undefined) return { profile: { appArmor } };
  reader.refuse("lsm-profile", text, 'a profile of AppArmor is needed, as in "apparmor:docker-default", or "none"');
  return {};
}

/** CRIU closes connections when it is told to do both. */
function readConnections(reader: Reader): PlanOptions["connections"] {
  const mayRestore = reader.flag("tcp-established") ?? false;
  if (reader.flag("tcp-close") ?? false) return "close";
  return mayRestore ? "restore" : "refuse";
}

/** `[CTRL:]/PATH`; the first colon ends CTRL, which may be empty, and a text that begins with a slash has none. */
function readRoots(reader: Reader): CgroupRoot[] {
  const roots: CgroupRoot[] = [];
  for (const text of reader.values("cgroup-root")) {
    const colon = text.startsWith("/") ? -1 : text.indexOf(":");
    const root = {
      path: text.slice(colon + 1),
      ...optional("hierarchy", colon < 0 ? undefined : text.slice(0, colon)),
    };
    const problem = cgroupPathProblem(root.path);
    if (problem !== undefined) reader.refuse("cgroup-root", text, problem);
    else if (roots.some((other) => other.hierarchy === root.hierarchy)) {
      reader.refuse("cgroup-root", text, "there is another root for the same hierarchies");
    } else roots.push(root);
  }
  return roots;
}

/** An object with `key` only when there is a value, as `exactOptionalPropertyTypes` wants it. */
function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : { [key]: value } as { [K in Key]?: Value };
}

/** Reads options by name; what is wrong goes to `problems`, and the option counts as not given. */
class Reader {
  readonly #tokens: Tokens;
  readonly #problems: string[];

  constructor(tokens: Tokens, problems: string[]) {
    this.#tokens = tokens;
    this.#problems = problems;
  }

  /** What follows the command. */
  get argument(): string | undefined {
    return this.#tokens.positionals[1];
  }

  #given(name: string): readonly (string | boolean)[] {
    return this.#tokens.values.get(name) ?? [];
  }

  #complain(problem: string): void {
    this.#problems.push(problem);
  }

  /** Two options that contradict each other. */
  exclude(name: string, other: string): void {
    this.#complain(`Cannot use "--${name}" together with "--${other}"`);
  }

  refuse(name: string, value: string, problem: string): void {
    this.#complain(`Cannot use "--${name}=${value}": ${problem}`);
  }

  has(name: string): boolean {
    return this.#given(name).length > 0;
  }

  /** The last word on a flag, or `undefined` when there is none. */
  flag(name: string): boolean | undefined {
    const given = this.#given(name);
    if (given.some((value) => typeof value === "string")) {
      this.#complain(`Cannot use "--${name}" with a value: it takes none`);
    }
    const last = given.at(-1);
    return typeof last === "boolean" ? last : undefined;
  }

  /** All values of an option that needs one. */
  values(name: string): string[] {
    const texts = this.#given(name).filter((value) => typeof value === "string");
    if (texts.includes("")) this.#complain(`Cannot use "--${name}=": the value is empty`);
    return texts.filter((text) => text !== "");
  }

  value(name: string): string | undefined {
    const values = this.values(name);
    this.#onlyOne(name, values.length);
    return values[0];
  }

  /** One of `choices`; `undefined` also where an optional value was left out. */
  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const isOptional = OPTIONS.some((option) => option.name === name && option.kind === "optional");
    if (isOptional) this.#onlyOne(name, this.#given(name).length);
    const text = isOptional ? this.#given(name)[0] || undefined : this.value(name);
    const found = choices.find((choice) => choice === text);
    if (typeof text === "string" && found === undefined) {
      this.refuse(name, text, `the values are ${choices.join(", ")}${perhaps(nearest(text, choices))}`);
    }
    return found;
  }

  /** A number, from `-vN` or `--verbosity=N`, and one more for each bare `-v`. */
  verbosity(): number {
    const given = this.#given("verbosity");
    const numbers = given.filter((value) => typeof value === "string" && value !== "").map(String);
    this.#onlyOne("verbosity", numbers.length);
    for (const text of numbers.filter((number) => !/^[0-4]$/.test(number))) {
      this.refuse("verbosity", text, `a number from 0 to ${MAX_VERBOSITY} is needed`);
    }
    const base = numbers[0] === undefined ? DEFAULT_VERBOSITY : Number(numbers[0]);
    return Math.min(MAX_VERBOSITY, base + given.length - numbers.length);
  }

  #onlyOne(name: string, count: number): void {
    if (count > 1) this.#complain(`Cannot use "--${name}" ${count} times: only one value has a meaning`);
  }
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
  return tokens.unknown.map((shown) =>
    `Cannot use "${shown}": there is no such option${perhaps(nearest(shown, known))}`
  );
}

function perhaps(suggestion: string | undefined): string {
  return suggestion === undefined ? "" : `; perhaps "${suggestion}" is meant`;
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
