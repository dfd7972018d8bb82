import { exists } from "../../support/exists.ts";
import { describeHierarchies, describeMounts, type MountState, waitUntil } from "../../support/kernel_state.ts";
import type { Run } from "../../support/run_cgrestore.ts";
import { criuPath } from "../../support/skip.ts";
import { makeBusyboxRoot } from "./busybox.ts";
import { findProgram } from "./find_program.ts";
import { runProgram } from "./live_tree.ts";
import { writeCgrestore } from "./write_cgrestore.ts";

/** What the first `criu` in the daemon's `PATH` is. */
export type Restorer = "cgrestore" | "criu";

/** A container that does not run yet. */
export interface ContainerPlan {
  /** Of `docker run`. */
  readonly options?: readonly string[];
  /** Run by busybox's shell. */
  readonly script: string;
}

/** Busybox is all that there is in it. */
const IMAGE = "cgr-busybox";
/** The bridge that the daemon makes. */
const BRIDGE = "docker0";
/** Milliseconds that a daemon has for its end. */
const PATIENCE = 60_000;
/** Read by runc for CRIU: there is no other way to tell it through Docker. */
const CONFIGURATION = "/etc/criu/runc.conf";

/**
 * A Docker daemon of the test's own, with all that it has in a directory and in cgroups of its own. It changes the
 * host's network and runc's configuration, so it is for a VM; the profile of AppArmor that it loads stays.
 */
export class Docker implements AsyncDisposable {
  /** For the tests' own files as well. */
  readonly directory: string;
  readonly #cgroup: string;
  readonly #unified = describeUnified();
  /** What ends the daemons, the last first. */
  readonly #daemons: (() => Promise<void>)[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.#cgroup = `/cgr-docker-${Deno.pid}`;
  }

  /** One that answers, and has an image. */
  static async start(): Promise<Docker> {
    const docker = new Docker(await Deno.makeTempDir({ prefix: "cgr-docker-" }));
    try {
      await docker.#configure();
      await docker.#startDaemons();
      await docker.#importImage();
      return docker;
    } catch (error) {
      await docker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a command of `docker`. */
  attempt(args: readonly string[]): Promise<Run> {
    return runProgram(["docker", "--host", `unix://${this.socket}`, ...args]);
  }

  /** What such a command says. Throws when it fails. */
  async run(args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.attempt(args);
    if (code !== 0) throw new Error(`Cannot run docker ${args.join(" ")}: ${err}\n${this.log()}`);
    return out.trim();
  }

  /** Starts a container. */
  async runContainer({ options = [], script }: ContainerPlan): Promise<DockerContainer> {
    const id = await this.run(["run", "--detach", ...options, IMAGE, "sh", "-c", script]);
    return new DockerContainer(this, id);
  }

  /** From now on, runc takes that for CRIU. */
  async useAsCriu(restorer: Restorer): Promise<void> {
    const link = `${this.directory}/bin/criu`;
    const target = restorer === "criu" ? await findProgram(criuPath()) : `${this.directory}/bin/cgrestore`;
    await Deno.symlink(target, `${link}.new`);
    await Deno.rename(`${link}.new`, link);
  }

  /** The log of the last dump or restore. Docker removes it where it would be by itself. */
  log(): string {
    const path = `${this.directory}/criu.log`;
    return exists(path) ? Deno.readTextFileSync(path) : "";
  }

  /**
   * Gives the cgroup2 hierarchy the options that it had. CRIU 4.1 mounts it anew, without them, when it dumps or restores
   * a container that has it mounted, and those are the options of all its mounts.
   */
  async putUnifiedBack(): Promise<void> {
    if (this.#unified === undefined) return;
    const { mountPoint, options } = this.#unified;
    await runProgram(["mount", "-o", `remount,${options}`, mountPoint]);
  }

  get socket(): string {
    return `${this.directory}/socket`;
  }

  /** Ids of the containers that have cgroups, as those have that run. */
  get cgroups(): string[] {
    const tops = describeHierarchies().map(({ mountPoint }) => `${mountPoint}${this.#cgroup}`).filter(exists);
    const found = tops.flatMap((top) => [...Deno.readDirSync(top)].filter(({ isDirectory }) => isDirectory));
    return [...new Set(found.map(({ name }) => name))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#daemons) await end();
    // They leave these.
    await runProgram(["ip", "link", "delete", BRIDGE]);
    const mounts = describeMounts().filter(({ mountPoint }) => mountPoint.startsWith(`${this.directory}/`));
    for (const { mountPoint } of mounts.reverse()) await runProgram(["umount", mountPoint]);
    for (const { mountPoint } of describeHierarchies()) {
      if (exists(`${mountPoint}${this.#cgroup}`)) await Deno.remove(`${mountPoint}${this.#cgroup}`);
    }
    await this.putUnifiedBack();
    if (exists(CONFIGURATION)) await Deno.remove(CONFIGURATION);
    await Deno.remove(this.directory, { recursive: true });
  }

  async #configure(): Promise<void> {
    await Deno.mkdir(`${this.directory}/bin`);
    await writeCgrestore(`${this.directory}/bin/cgrestore`);
    await this.useAsCriu("criu");
    await Deno.mkdir("/etc/criu", { recursive: true });
    // The lock that CRIU sets up otherwise needs iptables.
    await Deno.writeTextFile(CONFIGURATION, `network-lock skip\nlog-file ${this.directory}/criu.log\n`);
  }

  /** containerd is started apart, as Docker gives one of its own 15 s only, which a VM without KVM may exceed. */
  async #startDaemons(): Promise<void> {
    const { directory } = this;
    const config = `${directory}/containerd.toml`;
    const lines = [
      ["version = 2", `root = "${directory}/containerd/root"`, `state = "${directory}/containerd/state"`],
      ['disabled_plugins = ["io.containerd.grpc.v1.cri"]', "[grpc]", `address = "${directory}/containerd.socket"`],
    ];
    await Deno.writeTextFile(config, lines.flat().map((line) => `${line}\n`).join(""));
    await this.#startDaemon(["containerd", "--config", config], `${directory}/containerd.socket`);
    await this.#startDaemon(["dockerd", ...this.#daemonOptions()], this.socket);
    const { code, err } = await this.attempt(["version"]);
    if (code !== 0) {
      throw new Error(`Cannot reach Docker: ${err}\n${await Deno.readTextFile(`${directory}/dockerd.log`)}`);
    }
  }

  /** Starts one that can be reached at a socket then. */
  async #startDaemon(command: readonly [program: string, ...args: string[]], socket: string): Promise<void> {
    const log = `${this.directory}/${command[0]}.log`;
    const daemon = new Deno.Command("sh", {
      args: ["-c", `exec "$@" >${log} 2>&1`, "sh", ...command],
      // runc looks for `criu` there, whenever it needs it.
      env: { PATH: `${this.directory}/bin:${Deno.env.get("PATH")}` },
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
      ...["--host", `unix://${this.socket}`, "--storage-driver", "overlay2", "--cgroup-parent", this.#cgroup],
      // Checkpoints are an experiment of Docker's, and without rules of a firewall it needs no program for them.
      ...["--experimental", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
    ];
  }

  async #importImage(): Promise<void> {
    const root = `${this.directory}/root`;
    await makeBusyboxRoot(root);
    const archive = `${this.directory}/root.tar`;
    const { code, err } = await runProgram(["tar", "-C", root, "-cf", archive, "."]);
    if (code !== 0) throw new Error(`Cannot pack ${root}: ${err}`);
    await this.run(["import", archive, IMAGE]);
  }
}

/** The first mount of cgroup2 on this host. */
export function describeUnified(): MountState | undefined {
  return describeMounts().find(({ type }) => type === "cgroup2");
}

/** A container; ended and removed when this is disposed. */
export class DockerContainer implements AsyncDisposable {
  readonly #docker: Docker;
  readonly id: string;

  constructor(docker: Docker, id: string) {
    this.#docker = docker;
    this.id = id;
  }

  /** What it has written until now, in all of its runs. */
  get lines(): string[] {
    const path = `${this.#docker.directory}/data/containers/${this.id}/${this.id}-json.log`;
    const entries = Deno.readTextFileSync(path).split("\n").slice(0, -1);
    return entries.map((entry) => JSON.parse(entry).log.trimEnd());
  }

  /** Waits until it has written so many lines. */
  async writes(count: number): Promise<void> {
    await waitUntil(() => this.lines.length >= count, `the container does not write ${count} lines`);
  }

  /** What `docker inspect` says of it, by a template. */
  inspect(template: string): Promise<string> {
    return this.#docker.run(["inspect", "--format", template, this.id]);
  }

  /** Pid of its first process. */
  async pid(): Promise<number> {
    return Number(await this.inspect("{{.State.Pid}}"));
  }

  /** What a command says that is run in it. */
  exec(command: readonly string[]): Promise<string> {
    return this.#docker.run(["exec", this.id, ...command]);
  }

  /** Has CRIU dump it; it has ended then. */
  async checkpoint(): Promise<void> {
    await this.#docker.useAsCriu("criu");
    await this.#docker.run(["checkpoint", "create", this.id, "checkpoint"]);
    await this.#docker.run(["wait", this.id]);
    await this.#docker.putUnifiedBack();
  }

  /** Starts it from that checkpoint. */
  async start(restorer: Restorer): Promise<Run> {
    await this.#docker.useAsCriu(restorer);
    return await this.#docker.attempt(["start", "--checkpoint", "checkpoint", this.id]);
  }

  /** The same, and throws when that fails. */
  async restore(restorer: Restorer): Promise<void> {
    const { code, err } = await this.start(restorer);
    if (code !== 0) throw new Error(`Cannot restore a container by ${restorer}: ${err}\n${this.#docker.log()}`);
  }

  async stop(): Promise<void> {
    await this.#docker.run(["stop", "--time", "0", this.id]);
  }

  /** Types at its terminal, as `docker attach` does, which wants to be at a terminal itself. */
  async type(text: string): Promise<void> {
    using connection = await Deno.connect({ transport: "unix", path: this.#docker.socket });
    const request = `POST /containers/${this.id}/attach?stream=1&stdin=1 HTTP/1.1`;
    await connection.write(encode(`${request}\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`));
    // What comes before the answer is lost.
    await connection.read(new Uint8Array(1024));
    await connection.write(encode(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#docker.run(["rm", "--force", this.id]);
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
