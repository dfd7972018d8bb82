import { dirname } from "node:path/posix";
import { exists } from "../../support/exists.ts";
import { waitUntil } from "../../support/kernel_state.ts";
import { criuPath } from "../../support/skip.ts";
import { compileHolder } from "./compile_holder.ts";
import { pathTo } from "./path_to.ts";
import { writeCgrestore } from "./write_cgrestore.ts";

/** What tests change of a container's configuration. */
interface Configuration {
  readonly process: object;
  readonly root: { readonly: boolean };
  readonly mounts: object[];
  readonly linux: {
    cgroupsPath: string;
    readonly namespaces: { readonly type: string; path?: string }[];
    uidMappings?: readonly object[];
    gidMappings?: readonly object[];
  };
  annotations?: Readonly<Record<string, string>>;
  hooks?: { readonly prestart: readonly { readonly path: string }[] };
}

/** Who runs a container, and whether it has a terminal, and users of its own. */
export interface ContainerOptions {
  readonly runtime: "runc" | "crun";
  readonly hasTerminal: boolean;
  readonly hasUsers?: boolean;
}

/** What the root of a container with users of its own is outside, and how many it has. */
const ROOT_OUTSIDE = 100_000;
const USERS = 65536;

/** How a run of the runtime ended. */
export interface RuntimeRun {
  readonly code: number;
  /** What it has said itself; the container's output is apart. */
  readonly err: string;
}

/**
 * A container, with a net namespace of its own, in which the program `contained` runs; ended and removed when this is
 * disposed. Its cgroups are called after it.
 */
export class Container implements AsyncDisposable {
  readonly id: string;
  readonly directory: string;
  readonly #runtime: ContainerOptions["runtime"];
  readonly #hasTerminal: boolean;
  readonly #hasUsers: boolean;
  readonly #readings: Promise<void>[] = [];
  #console: Deno.ChildProcess | undefined;
  #output = "";

  private constructor(directory: string, { runtime, hasTerminal, hasUsers = false }: ContainerOptions) {
    this.id = `cgr-${runtime}-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
    this.directory = directory;
    this.#runtime = runtime;
    this.#hasTerminal = hasTerminal;
    this.#hasUsers = hasUsers;
  }

  /** One that has not been started. */
  static async create(options: ContainerOptions): Promise<Container> {
    const directory = await Deno.makeTempDir({ prefix: `cgr-${options.runtime}-` });
    const container = new Container(directory, options);
    try {
      await container.#prepare();
      return container;
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Changes its configuration (config.md of the runtime specification). */
  async edit(change: (config: Configuration) => void): Promise<void> {
    const path = `${this.directory}/config.json`;
    const config = JSON.parse(await Deno.readTextFile(path));
    change(config);
    await Deno.writeTextFile(path, JSON.stringify(config));
  }

  /** What the container has written since `forget`. */
  get output(): string {
    return this.#output;
  }

  forget(): void {
    this.#output = "";
  }

  /** Starts it, and waits until the program is ready. */
  async start(): Promise<void> {
    const run = await this.#runDetached(["run", ...await this.#consoleOptions()]);
    if (run.code !== 0) throw new Error(`Cannot start a container: ${run.err}`);
    await waitUntil(() => exists(this.#file("ready")), `the container is not ready: ${this.#output}`);
  }

  /** Has CRIU dump it; it is gone then. */
  async checkpoint(): Promise<void> {
    const run = await this.#run(["checkpoint", ...this.#imageOptions("dump"), this.id], criuPath());
    if (run.code !== 0) throw new Error(`Cannot dump a container: ${run.err}\n${this.log("dump")}`);
  }

  /** Restores it by what the runtime takes for CRIU, a program of that name; the container runs when this returns. */
  async restore(criu: string): Promise<RuntimeRun> {
    return await this.#runRestore(criu, await this.#consoleOptions());
  }

  async #runRestore(criu: string, consoleOptions: readonly string[]): Promise<RuntimeRun> {
    for (const name of ["go", "result"]) if (exists(this.#file(name))) await Deno.remove(this.#file(name));
    const run = await this.#runDetached(["restore", ...this.#imageOptions("restore"), ...consoleOptions], criu);
    return run.code === 0 ? run : { ...run, err: `${run.err}\n${this.log("restore")}` };
  }

  /** The same with a console that nobody is at: who has waited for its terminal is gone when it comes. */
  async restoreWithoutConsole(criu: string): Promise<RuntimeRun> {
    await this.#closeConsole();
    const path = `${this.directory}/console`;
    using listener = Deno.listen({ transport: "unix", path });
    const gone = listener.accept().then((connection) => connection.close());
    try {
      return await this.#runRestore(criu, ["--console-socket", path]);
    } finally {
      await gone;
    }
  }

  /** An executable that is cgrestore, and called `criu`. */
  async cgrestore(): Promise<string> {
    const path = `${this.directory}/bin/criu`;
    await Deno.mkdir(dirname(path), { recursive: true });
    await writeCgrestore(path);
    return path;
  }

  /** What the log of the last dump or restore says of errors. */
  log(what: "dump" | "restore"): string {
    const lines = Deno.readTextFileSync(`${this.directory}/${what}/${what}.log`).split("\n");
    return lines.filter((line) => line.includes("Error")).join("\n");
  }

  /** Lets the program go on to its end; returns what it has found. */
  async finish(): Promise<string> {
    await Deno.writeTextFile(this.#file("go"), "");
    await waitUntil(() => exists(this.#file("result")), `the container does not end: ${this.#output}`);
    await Promise.all(this.#readings);
    return (await Deno.readTextFile(this.#file("result"))).trim();
  }

  /** Pid of its first process, and whether that runs. */
  async state(): Promise<{ readonly pid: number; readonly status: string }> {
    const { out } = await this.#run(["state", this.id]);
    return JSON.parse(out);
  }

  /** Types at its terminal. */
  async type(text: string): Promise<void> {
    const writer = this.#console?.stdin.getWriter();
    await writer?.write(new TextEncoder().encode(text));
    writer?.releaseLock();
  }

  /** Ends it at once. */
  async remove(): Promise<void> {
    await this.#run(["delete", "--force", this.id]);
    await this.#closeConsole();
    await Promise.all(this.#readings);
    this.#readings.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
    await Deno.remove(this.directory, { recursive: true });
  }

  async #prepare(): Promise<void> {
    const root = `${this.directory}/rootfs`;
    for (const name of ["proc", "sys", "dev", "work"]) await Deno.mkdir(`${root}/${name}`, { recursive: true });
    await Deno.copyFile(await compileHolder(), `${root}/holder`);
    await this.#run(["spec"]);
    // The lock that CRIU sets up otherwise needs iptables.
    const configuration = `${this.directory}/criu.conf`;
    await Deno.writeTextFile(configuration, "network-lock skip\n");
    await this.edit((config) => {
      Object.assign(config.process, { terminal: this.#hasTerminal, args: ["/holder", "contained", "/work"] });
      config.root.readonly = false;
      config.linux.cgroupsPath = `/${this.id}`;
      config.annotations = { "org.criu.config": configuration };
    });
    if (this.#hasUsers) await this.#giveUsers(root);
  }

  /** Its files become those of its users, who get to them. */
  async #giveUsers(root: string): Promise<void> {
    await Deno.chmod(this.directory, 0o755);
    for (const path of [root, `${root}/work`]) await Deno.chown(path, ROOT_OUTSIDE, ROOT_OUTSIDE);
    await this.edit(({ linux }) => {
      linux.namespaces.push({ type: "user" });
      linux.uidMappings = linux.gidMappings = [{ containerID: 0, hostID: ROOT_OUTSIDE, size: USERS }];
    });
  }

  #file(name: string): string {
    return `${this.directory}/rootfs/work/${name}`;
  }

  #imageOptions(work: string): string[] {
    return ["--image-path", `${this.directory}/images`, "--work-path", `${this.directory}/${work}`];
  }

  async #run(args: readonly string[], criu?: string): Promise<RuntimeRun & { readonly out: string }> {
    const options = { ...this.#options(args, criu), stdout: "piped", stderr: "piped" } as const;
    const { code, stdout, stderr } = await new Deno.Command(this.#runtime, options).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  }

  /** The container keeps the pipes, so they are read until it ends. */
  async #runDetached(args: readonly string[], criu?: string): Promise<RuntimeRun> {
    const log = `${this.directory}/runtime.log`;
    await Deno.writeTextFile(log, "");
    const output = this.#hasTerminal ? "null" : "piped";
    const child = new Deno.Command(this.#runtime, {
      ...this.#options(["--log", log, ...args, "--detach", this.id], criu),
      stdout: output,
      stderr: output,
    }).spawn();
    if (!this.#hasTerminal) this.#readings.push(this.#read(child.stdout), this.#read(child.stderr));
    const { code } = await child.status;
    return { code, err: (await Deno.readTextFile(log)) + (code === 0 ? "" : this.#output) };
  }

  /**
   * How the runtime is run: it takes the first `criu` in `PATH`. crun dumps what hides directories without regard to
   * `--root` (crun 1.24 to 1.29; its pull request 2239).
   */
  #options(args: readonly string[], criu?: string): Deno.CommandOptions {
    const state = `${this.directory}/state`;
    const isRunc = this.#runtime === "runc";
    return {
      cwd: this.directory,
      stdin: "null",
      args: [...isRunc ? ["--root", state] : [], ...args],
      env: {
        ...isRunc ? {} : { XDG_RUNTIME_DIR: state },
        ...criu === undefined ? {} : { PATH: pathTo(criu) },
      },
    };
  }

  async #consoleOptions(): Promise<string[]> {
    return this.#hasTerminal ? ["--console-socket", await this.#openConsole()] : [];
  }

  /** A user of the terminal, who is there before the container. */
  async #openConsole(): Promise<string> {
    await this.#closeConsole();
    const socket = `${this.directory}/console`;
    const args = ["console", socket];
    const child = new Deno.Command(await compileHolder(), { args, stdin: "piped", stdout: "piped" }).spawn();
    this.#console = child;
    this.#readings.push(this.#read(child.stdout));
    await waitUntil(() => exists(socket), "nobody waits for the terminal");
    return socket;
  }

  async #closeConsole(): Promise<void> {
    const child = this.#console;
    if (child === undefined) return;
    this.#console = undefined;
    await child.stdin.close().catch(() => {});
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
    await Deno.remove(`${this.directory}/console`);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#output += text;
  }
}
