import { parseDeviceNames } from "../../../lib/host/parse_proc_net.ts";
import { runProgram } from "./live_tree.ts";

/** A bridge of this host for a test, with nothing in it; its name begins with `cgrv`, as those of all our devices. */
export class OwnBridge implements AsyncDisposable {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  static async create(name: string): Promise<OwnBridge> {
    await runIp(["link", "add", name, "type", "bridge"]);
    const bridge = new OwnBridge(name);
    try {
      await runIp(["link", "set", name, "up"]);
      return bridge;
    } catch (error) {
      await bridge[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runIp(["link", "del", this.#name]);
  }
}

/** Devices of this host that tests have made. */
export function ownDevices(): string[] {
  const names = parseDeviceNames(Deno.readTextFileSync("/proc/net/dev"));
  return [...names].filter((name) => name.startsWith("cgrv")).sort();
}

async function runIp(args: readonly string[]): Promise<void> {
  const { code, err } = await runProgram(["ip", ...args]);
  if (code !== 0) throw new Error(`Cannot run ip ${args.join(" ")}: ${err}`);
}
