import { parseDeviceNames } from "../../../lib/host/parse_proc_net.ts";
import { waitUntil } from "../../support/kernel_state.ts";
import { endKeeper, startKeeper } from "./start_keeper.ts";

/** A network namespace with a loopback device only, for what must not be changed for everybody on this host. */
export class OwnNetwork implements AsyncDisposable {
  readonly #keeper: Deno.ChildProcess;

  private constructor(keeper: Deno.ChildProcess) {
    this.#keeper = keeper;
  }

  /** @param settings of its kernel, by their path below /proc/sys/net */
  static async create(settings: Readonly<Record<string, string>> = {}): Promise<OwnNetwork> {
    const network = new OwnNetwork(await startKeeper(["--net"], "ip link set lo up"));
    try {
      for (const [name, value] of Object.entries(settings)) await network.#set(name, value);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Has a shell run commands in this network. */
  async setUp(commands: string): Promise<void> {
    const [command = "", ...args] = this.inside(["sh", "-c", commands]);
    const { success, stderr } = await new Deno.Command(command, { args }).output();
    if (!success) throw new Error(`Cannot set up a network namespace: ${new TextDecoder().decode(stderr)}`);
  }

  /** Names of the devices of this network. */
  devices(): Set<string> {
    return parseDeviceNames(Deno.readTextFileSync(`/proc/${this.#keeper.pid}/net/dev`));
  }

  /** Waits until devices are gone, which the kernel removes some time after the last task of a net namespace. */
  async awaitGone(names: readonly string[]): Promise<void> {
    await waitUntil(() => this.devices().isDisjointFrom(new Set(names)), `${names.join(", ")} are still there`);
  }

  /** A command that runs another one in this network. */
  inside(command: readonly string[]): readonly string[] {
    return ["nsenter", `--net=/proc/${this.#keeper.pid}/ns/net`, ...command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endKeeper(this.#keeper);
  }

  async #set(name: string, value: string): Promise<void> {
    const [command = "", ...args] = this.inside(["sh", "-c", 'echo "$2" > "$1"', "sh", `/proc/sys/net/${name}`, value]);
    const { success } = await new Deno.Command(command, { args }).output();
    if (!success) throw new Error(`Cannot set ${name} in a network namespace`);
  }
}
