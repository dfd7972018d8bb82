import { nearest } from "./nearest.ts";
import { OPTIONS } from "./options.ts";
import type { Tokens } from "./tokenize_args.ts";

const DEFAULT_VERBOSITY = 2;
const MAX_VERBOSITY = 4;

/** Reads options by name; what is wrong goes to `problems`, and the option counts as not given. */
export class OptionReader {
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

/** An object with `key` only when there is a value, as `exactOptionalPropertyTypes` wants it. */
export function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : { [key]: value } as { [K in Key]?: Value };
}

/** `; perhaps "--images" is meant` */
export function perhaps(suggestion: string | undefined): string {
  return suggestion === undefined ? "" : `; perhaps "${suggestion}" is meant`;
}
