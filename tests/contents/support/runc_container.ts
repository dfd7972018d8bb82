import { cgrestoreCommand } from "../../support/run_cgrestore.ts";
import { exists } from "../../support/exists.ts";
import { waitUntil } from "../../support/kernel_state.ts";
import { criuPath } from "../../support/skip.ts";
import { compileHolder } from "./compile_holder.ts";

/** What tests change of a container's configuration. */
interface Configuration {
  readonly process: object;
  readonly root: { readonly: boolean };
  readonly linux: { cgroupsPath: string; readonly namespaces: { readonly type: string; path?: string }[] };
  annotations?: Readonly<Record<string, string>>;
  hooks?: { readonly prestart: readonly { readonly path: string }[] };
}

/** How a run of runc ended. */
export interface RuncRun {
  readonly code: number;
  /** What it has said itself; the container's output is apart. */
  readonly err: string;
}

/**
 * A container of runc, with a net namespace of its own, in which the program `contained` runs; ended and removed when
 * this is disposed. Its cgroups are called after it.
 */
export class RuncContainer implements AsyncDisposable {
  readonly id = `cgr-runc-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
  readonly directory: string;
  readonly #hasTerminal: boolean;
  readonly #readings: Promise<void>[] = [];
  #console: Deno.ChildProcess | undefined;
  #output = "";

  private constructor(directory: string, hasTerminal: boolean) {
    this.directory = directory;
    this.#hasTerminal = hasTerminal;
  }

  /** One that has not been started. */
  static async create({ hasTerminal }: { readonly hasTerminal: boolean }): Promise<RuncContainer> {
    const directory = await Deno.makeTempDir({ prefix: "cgr-runc-" });
    const container = new RuncContainer(directory, hasTerminal);
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
    const run = await this.#runDetached(["run"], await this.#consoleOptions());
    if (run.code !== 0) throw new Error(`Cannot start a container: ${run.err}`);
    await waitUntil(() => exists(this.#file("ready")), `the container is not ready: ${this.#output}`);
  }

  /** Has CRIU dump it; it is gone then. */
  async checkpoint(): Promise<void> {
    const run = await this.#run(["--criu", criuPath(), "checkpoint", ...this.#imageOptions("dump"), this.id]);
    if (run.code !== 0) throw new Error(`Cannot dump a container: ${run.err}\n${this.log("dump")}`);
  }

  /** Restores it by what runc takes for CRIU; the program runs when this returns. */
  async restore(criu: string): Promise<RuncRun> {
    return await this.#runRestore(criu, await this.#consoleOptions());
  }

  async #runRestore(criu: string, consoleOptions: readonly string[]): Promise<RuncRun> {
    for (const name of ["go", "result"]) if (exists(this.#file(name))) await Deno.remove(this.#file(name));
    const args = ["--criu", criu, "restore", ...this.#imageOptions("restore")];
    const run = await this.#runDetached(args, consoleOptions);
    return run.code === 0 ? run : { ...run, err: `${run.err}\n${this.log("restore")}` };
  }

  /** The same with a console that nobody is at: who has waited for its terminal is gone when it comes. */
  async restoreWithoutConsole(criu: string): Promise<RuncRun> {
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

  /** An executable that is cgrestore. */
  async cgrestore(): Promise<string> {
    const path = `${this.directory}/cgrestore`;
    const command = cgrestoreCommand().map((word) => `'${word}'`).join(" ");
    await Deno.writeTextFile(path, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
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
  }

  #file(name: string): string {
    return `${this.directory}/rootfs/work/${name}`;
  }

  #imageOptions(work: string): string[] {
    return ["--image-path", `${this.directory}/images`, "--work-path", `${this.directory}/${work}`];
  }

  async #run(args: readonly string[]): Promise<RuncRun & { readonly out: string }> {
    const all = ["--root", `${this.directory}/state`, ...args];
    const options = { args: all, cwd: this.directory, stdin: "null", stdout: "piped", stderr: "piped" } as const;
    const { code, stdout, stderr } = await new Deno.Command("runc", options).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  }

  /** The container keeps the pipes, so they are read until it ends. */
  async #runDetached(args: readonly string[], consoleOptions: readonly string[]): Promise<RuncRun> {
    const log = `${this.directory}/runc.log`;
    await Deno.writeTextFile(log, "");
    const all = ["--root", `${this.directory}/state`, "--log", log, ...args, "--detach", ...consoleOptions, this.id];
    const child = new Deno.Command("runc", {
      args: all,
      cwd: this.directory,
      stdin: "null",
      stdout: this.#hasTerminal ? "null" : "piped",
      stderr: this.#hasTerminal ? "null" : "piped",
    }).spawn();
    if (!this.#hasTerminal) this.#readings.push(this.#read(child.stdout), this.#read(child.stderr));
    const { code } = await child.status;
    return { code, err: (await Deno.readTextFile(log)) + (code === 0 ? "" : this.#output) };
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
