import { endKeeper, startKeeper } from "./start_keeper.ts";

/** A mount namespace like that of this host, in which everything is shared. */
export class SharedMounts implements AsyncDisposable {
  readonly #keeper: Deno.ChildProcess;

  private constructor(keeper: Deno.ChildProcess) {
    this.#keeper = keeper;
  }

  static async create(): Promise<SharedMounts> {
    return new SharedMounts(await startKeeper(["--mount", "--propagation", "shared"]));
  }

  /** A command that runs another one in it. */
  inside(command: readonly string[]): readonly string[] {
    return ["nsenter", `--mount=/proc/${this.#keeper.pid}/ns/mnt`, ...command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endKeeper(this.#keeper);
  }
}
