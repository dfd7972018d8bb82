import { nameOfProfile } from "../../../lib/host/describe_app_armor.ts";
import { runProgram } from "./live_tree.ts";

/** Rules of a profile that forbids nothing but signals. */
export const ALL_BUT_SIGNALS = "file, capability, network, unix, ptrace, mount, umount, pivot_root, change_profile,";
export const EVERYTHING = `${ALL_BUT_SIGNALS} signal,`;

/** Profiles of AppArmor, the rules of each by its name, that are loaded until this is disposed. */
export class OwnProfiles implements AsyncDisposable {
  readonly #names: readonly string[];
  #isLoaded = false;

  private constructor(names: readonly string[]) {
    this.#names = names;
  }

  static async load(rules: Readonly<Record<string, string>>): Promise<OwnProfiles> {
    const profiles = new OwnProfiles(Object.keys(rules));
    await profiles.replace((name) => rules[name] ?? "");
    return profiles;
  }

  /** Gives them other rules; tasks that are under them are from then on under these. */
  async replace(rulesOf: (name: string) => string): Promise<void> {
    await this.#parse("--replace", rulesOf);
    this.#isLoaded = true;
  }

  /** Nothing confines tasks any more that are under them. */
  async remove(): Promise<void> {
    if (!this.#isLoaded) return;
    this.#isLoaded = false;
    await this.#parse("--remove", () => EVERYTHING);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  async #parse(option: string, rulesOf: (name: string) => string): Promise<void> {
    const flags = "flags=(attach_disconnected,mediate_deleted)";
    const texts = this.#names.map((name) => `profile ${name} ${flags} { ${rulesOf(name)} }\n`);
    const file = await Deno.makeTempFile({ prefix: "cgr-profiles-" });
    try {
      await Deno.writeTextFile(file, texts.join(""));
      const { code, err } = await runProgram(["apparmor_parser", "--skip-cache", option, file]);
      if (code !== 0) throw new Error(`Cannot load profiles of AppArmor: ${err}`);
    } finally {
      await Deno.remove(file);
    }
  }
}

/** The profile of a task; `"unconfined"` when it has none. */
export function profileOf(pid: number): string {
  return nameOfProfile(Deno.readTextFileSync(`/proc/${pid}/attr/apparmor/current`));
}
