import { waitUntil } from "../../support/kernel_state.ts";
import { compileHolder } from "./compile_holder.ts";

/** A command that runs with a terminal of its own, at which this types. */
export class EmulatedTerminal implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #output = "";
  #hasEnded = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#reading = this.#read();
    child.status.then(() => this.#hasEnded = true);
  }

  static async start(command: readonly string[]): Promise<EmulatedTerminal> {
    const args = ["terminal", ...command];
    const holder = new Deno.Command(await compileHolder(), { args, stdin: "piped", stdout: "piped", stderr: "null" });
    return new EmulatedTerminal(holder.spawn());
  }

  /** What it has shown so far. */
  get output(): string {
    return this.#output;
  }

  async type(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Waits until it shows `text`; what it has shown until then is forgotten. */
  async shows(text: string): Promise<void> {
    try {
      await waitUntil(() => this.#output.includes(text), "");
    } catch {
      throw new Error(`The terminal does not show ${JSON.stringify(text)}, but ${JSON.stringify(this.#output)}`);
    }
    this.#output = this.#output.slice(this.#output.indexOf(text) + text.length);
  }

  /** Waits until the command has ended; returns its exit status. */
  async end(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Without a master, the terminal hangs up, and the command with it.
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reading;
    await this.#writer.close().catch(() => {});
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.#output += text;
  }
}
