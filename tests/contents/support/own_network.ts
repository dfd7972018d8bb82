/** Waits for its end on its standard input, so that it does not outlive the test. */
const KEEPER = "ip link set lo up && echo ready && exec cat";

/** A network namespace with a loopback device only, for what must not be changed for everybody on this host. */
export class OwnNetwork implements AsyncDisposable {
  readonly #keeper: Deno.ChildProcess;

  private constructor(keeper: Deno.ChildProcess) {
    this.#keeper = keeper;
  }

  /** @param settings of its kernel, by their path below /proc/sys/net */
  static async create(settings: Readonly<Record<string, string>> = {}): Promise<OwnNetwork> {
    const args = ["--net", "sh", "-c", KEEPER];
    const keeper = new Deno.Command("unshare", { args, stdin: "piped", stdout: "piped" }).spawn();
    const network = new OwnNetwork(keeper);
    try {
      const reader = keeper.stdout.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      if (value === undefined) throw new Error("Cannot make a network namespace");
      for (const [name, value] of Object.entries(settings)) await network.#set(name, value);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** A command that runs another one in this network. */
  inside(command: readonly string[]): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#keeper.pid}/ns/net`, ...command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper.stdin.close();
    await this.#keeper.status;
  }

  async #set(name: string, value: string): Promise<void> {
    const [command = "", ...args] = this.inside(["sh", "-c", 'echo "$2" > "$1"', "sh", `/proc/sys/net/${name}`, value]);
    const { success } = await new Deno.Command(command, { args }).output();
    if (!success) throw new Error(`Cannot set ${name} in a network namespace`);
  }
}
