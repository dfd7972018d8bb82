import { exists } from "../../support/exists.ts";
import { describeHierarchies, describeMounts, type MountState, waitUntil } from "../../support/kernel_state.ts";
import { OwnCgroups } from "../../support/own_cgroups.ts";
import type { Run } from "../../support/run_cgrestore.ts";
import { criuPath } from "../../support/skip.ts";
import { awaitProcesses } from "./await_processes.ts";
import { makeBusyboxRoot } from "./busybox.ts";
import { findProgram } from "./find_program.ts";
import { runProgram } from "./live_tree.ts";
import { writeCgrestore } from "./write_cgrestore.ts";

/** What the first `criu` is that a runtime finds. */
export type Restorer = "cgrestore" | "criu";

/** A container that does not run yet. */
export interface ContainerPlan {
  /** Of `docker run` or `podman run`. */
  readonly options?: readonly string[];
  /** Run by busybox's shell. */
  readonly script: string;
}

/** Busybox is all that there is in it. */
const IMAGE = "localhost/cgr-busybox";

/**
 * Docker or podman, which keep what they know of a container that has been dumped. What it has is in a directory and in
 * cgroups of the test's own. It changes the host's network and its runtime's configuration, so it is for a VM; the
 * profile of AppArmor that it loads stays.
 */
export abstract class Engine implements AsyncDisposable {
  /** For the tests' own files as well. */
  readonly directory: string;
  readonly #ownCgroups = new OwnCgroups();
  readonly #unified = describeUnified();
  /** Read by the runtime for CRIU: there is no other way to tell it through an engine. */
  readonly #configuration: string;

  protected constructor(name: string, runtime: "runc" | "crun") {
    this.directory = Deno.makeTempDirSync({ prefix: `cgr-${name}-` });
    this.#configuration = `/etc/criu/${runtime}.conf`;
  }

  /** The program, with the options that go before its commands. */
  protected abstract readonly command: readonly string[];
  /** Prepares and starts what the commands need. */
  protected abstract begin(): Promise<void>;
  /** Ends what goes on without containers. */
  protected abstract end(): Promise<void>;
  /** What a container has written until now, in all of its runs. */
  abstract linesOf(id: string): string[];
  /** Has CRIU dump a container; it has ended then. */
  abstract dump(id: string): Promise<void>;
  /** The command that restores a container that has been dumped. */
  abstract restoreCommand(id: string): readonly string[];

  /** Returns it when it answers, and has an image. */
  protected async setUp(): Promise<this> {
    try {
      await this.#configure();
      await this.begin();
      await this.#importImage();
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs one of its commands. */
  attempt(args: readonly string[]): Promise<Run> {
    return runProgram([...this.command, ...args]);
  }

  /** What such a command says. Throws when it fails. */
  async run(args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.attempt(args);
    if (code !== 0) throw new Error(`Cannot run ${this.command[0]} … ${args.join(" ")}: ${err}\n${this.log()}`);
    return out.trim();
  }

  /** Starts a container. */
  async runContainer({ options = [], script }: ContainerPlan): Promise<EngineContainer> {
    const place = ["--cgroup-parent", this.#cgroup];
    const args = ["run", "--detach", ...place, ...options, IMAGE, "sh", "-c", script];
    return new EngineContainer(this, await this.run(args));
  }

  /** From now on, the runtime takes that for CRIU. */
  async useAsCriu(restorer: Restorer): Promise<void> {
    const link = `${this.directory}/bin/criu`;
    const target = restorer === "criu" ? await findProgram(criuPath()) : `${this.directory}/bin/cgrestore`;
    await Deno.symlink(target, `${link}.new`);
    await Deno.rename(`${link}.new`, link);
  }

  /** From now on, CRIU has these lines in its configuration besides those that every test needs. */
  async configureCriu(...lines: readonly string[]): Promise<void> {
    await Deno.mkdir("/etc/criu", { recursive: true });
    // The lock that CRIU sets up otherwise needs iptables in the container's net namespace.
    const all = ["network-lock skip", `log-file ${this.#log}`, ...lines];
    await Deno.writeTextFile(this.#configuration, all.map((line) => `${line}\n`).join(""));
  }

  /** The log of the last dump or restore. Docker removes it where it would be by itself. */
  log(): string {
    return exists(this.#log) ? Deno.readTextFileSync(this.#log) : "";
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

  /** Names of the cgroups of containers, as those have that run; podman has one for who watches them beside these. */
  get cgroups(): string[] {
    const tops = describeHierarchies().map(({ mountPoint }) => `${mountPoint}${this.#cgroup}`).filter(exists);
    const found = tops.flatMap((top) => [...Deno.readDirSync(top)].filter(({ isDirectory }) => isDirectory));
    return [...new Set(found.map(({ name }) => name))].filter((name) => name !== "conmon");
  }

  /** Where something is mounted for containers. */
  get containerMounts(): string[] {
    return this.#mountPoints;
  }

  /** Where something is mounted in its directory. */
  get #mountPoints(): string[] {
    return describeMounts().map(({ mountPoint }) => mountPoint).filter((path) => path.startsWith(`${this.directory}/`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await awaitProcesses(this.directory);
    for (const mountPoint of this.#mountPoints.reverse()) await runProgram(["umount", mountPoint]);
    this.#ownCgroups[Symbol.dispose]();
    await this.putUnifiedBack();
    if (exists(this.#configuration)) await Deno.remove(this.#configuration);
    await Deno.remove(this.directory, { recursive: true });
  }

  /** Above those of the containers. */
  get #cgroup(): string {
    return `/${this.#ownCgroups.id}`;
  }

  get #log(): string {
    return `${this.directory}/criu.log`;
  }

  /** The runtimes look for `criu` there, whenever they need it. */
  protected get path(): string {
    return `${this.directory}/bin:${Deno.env.get("PATH")}`;
  }

  async #configure(): Promise<void> {
    await Deno.mkdir(`${this.directory}/bin`);
    await writeCgrestore(`${this.directory}/bin/cgrestore`);
    await this.useAsCriu("criu");
    await this.configureCriu();
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
export class EngineContainer implements AsyncDisposable {
  readonly #engine: Engine;
  readonly id: string;

  constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.id = id;
  }

  /** What it has written until now, in all of its runs. */
  get lines(): string[] {
    return this.#engine.linesOf(this.id);
  }

  /** Waits until it has written so many lines. */
  async writes(count: number): Promise<void> {
    await waitUntil(() => this.lines.length >= count, `the container does not write ${count} lines`);
  }

  /** What `inspect` says of it, by a template. */
  inspect(template: string): Promise<string> {
    return this.#engine.run(["inspect", "--format", template, this.id]);
  }

  /** Pid of its first process. */
  async pid(): Promise<number> {
    return Number(await this.inspect("{{.State.Pid}}"));
  }

  /** What a command says that is run in it. */
  exec(command: readonly string[]): Promise<string> {
    return this.#engine.run(["exec", this.id, ...command]);
  }

  /** Has CRIU dump it; it has ended then. */
  async checkpoint(): Promise<void> {
    await this.#engine.useAsCriu("criu");
    await this.#engine.dump(this.id);
    await this.#engine.putUnifiedBack();
  }

  /** Starts it from that checkpoint. */
  async start(restorer: Restorer): Promise<Run> {
    await this.#engine.useAsCriu(restorer);
    return await this.#engine.attempt(this.#engine.restoreCommand(this.id));
  }

  /** The same, and throws when that fails. */
  async restore(restorer: Restorer): Promise<void> {
    const { code, err } = await this.start(restorer);
    if (code !== 0) throw new Error(`Cannot restore a container by ${restorer}: ${err}\n${this.#engine.log()}`);
  }

  async stop(): Promise<void> {
    await this.#engine.run(["stop", "--time", "0", this.id]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.run(["rm", "--force", this.id]);
  }
}
