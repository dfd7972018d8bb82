import { exists } from "../../support/exists.ts";
import { waitUntil } from "../../support/kernel_state.ts";
import { Engine, type EngineContainer } from "./engine.ts";
import { runProgram } from "./live_tree.ts";

/** The bridge that the daemon makes. */
const BRIDGE = "docker0";
/** Milliseconds that a daemon has for its end. */
const PATIENCE = 60_000;

/** A Docker daemon of the test's own. */
export class Docker extends Engine {
  /** What ends the daemons, the last first. */
  readonly #daemons: (() => Promise<void>)[] = [];

  static start(): Promise<Docker> {
    return new Docker("docker", "runc").setUp();
  }

  protected get command(): string[] {
    return ["docker", "--host", `unix://${this.#socket}`];
  }

  linesOf(id: string): string[] {
    const path = `${this.directory}/data/containers/${id}/${id}-json.log`;
    const entries = Deno.readTextFileSync(path).split("\n").slice(0, -1);
    return entries.map((entry) => JSON.parse(entry).log.trimEnd());
  }

  async dump(id: string): Promise<void> {
    await this.run(["checkpoint", "create", id, "checkpoint"]);
    await this.run(["wait", id]);
  }

  restoreCommand(id: string): string[] {
    return ["start", "--checkpoint", "checkpoint", id];
  }

  /** Types at a container's terminal, as `docker attach` does, which wants to be at a terminal itself. */
  async type({ id }: EngineContainer, text: string): Promise<void> {
    using connection = await Deno.connect({ transport: "unix", path: this.#socket });
    const request = `POST /containers/${id}/attach?stream=1&stdin=1 HTTP/1.1`;
    await connection.write(encode(`${request}\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`));
    // What comes before the answer is lost.
    await connection.read(new Uint8Array(1024));
    await connection.write(encode(text));
  }

  get #socket(): string {
    return `${this.directory}/socket`;
  }

  /** containerd is started apart, as Docker gives one of its own 15 s only, which a VM without KVM may exceed. */
  protected async begin(): Promise<void> {
    const { directory } = this;
    const config = `${directory}/containerd.toml`;
    const lines = [
      ["version = 2", `root = "${directory}/containerd/root"`, `state = "${directory}/containerd/state"`],
      ['disabled_plugins = ["io.containerd.grpc.v1.cri"]', "[grpc]", `address = "${directory}/containerd.socket"`],
    ];
    await Deno.writeTextFile(config, lines.flat().map((line) => `${line}\n`).join(""));
    await this.#startDaemon(["containerd", "--config", config], `${directory}/containerd.socket`);
    await this.#startDaemon(["dockerd", ...this.#daemonOptions()], this.#socket);
    const { code, err } = await this.attempt(["version"]);
    if (code !== 0) {
      throw new Error(`Cannot reach Docker: ${err}\n${await Deno.readTextFile(`${directory}/dockerd.log`)}`);
    }
  }

  protected async end(): Promise<void> {
    for (const end of this.#daemons) await end();
    // They leave it.
    await runProgram(["ip", "link", "delete", BRIDGE]);
  }

  /** Starts one that can be reached at a socket then. */
  async #startDaemon(command: readonly [program: string, ...args: string[]], socket: string): Promise<void> {
    const log = `${this.directory}/${command[0]}.log`;
    const daemon = new Deno.Command("sh", {
      args: ["-c", `exec "$@" >${log} 2>&1`, "sh", ...command],
      env: { PATH: this.path },
      stdin: "null",
    }).spawn();
    let hasEnded = false;
    const ended = daemon.status.then(() => void (hasEnded = true));
    this.#daemons.unshift(async () => {
      if (!hasEnded) daemon.kill("SIGTERM");
      const timer = setTimeout(() => daemon.kill("SIGKILL"), PATIENCE);
      await ended;
      clearTimeout(timer);
    });
    await waitUntil(() => hasEnded || exists(socket), `${command[0]} does not start`);
    if (hasEnded) throw new Error(`Cannot start ${command[0]}: ${await Deno.readTextFile(log)}`);
  }

  #daemonOptions(): string[] {
    const { directory } = this;
    return [
      ...["--data-root", `${directory}/data`, "--exec-root", `${directory}/exec`, "--pidfile", `${directory}/pid`],
      ...["--containerd", `${directory}/containerd.socket`],
      ...["--host", `unix://${this.#socket}`, "--storage-driver", "overlay2"],
      // Checkpoints are an experiment of Docker's, and without rules of a firewall it needs no program for them.
      ...["--experimental", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
    ];
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
