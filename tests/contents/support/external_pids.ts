import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { listUsedPids, waitUntil } from "../../support/kernel_state.ts";
import { cgrestoreCommand, type Run } from "../../support/run_cgrestore.ts";
import { criuPath } from "../../support/skip.ts";
import { compileHolder } from "./compile_holder.ts";
import { listTree, type TreeDescription } from "./describe_tree.ts";
import { providing } from "./external_network.ts";
import { reap, runProgram } from "./live_tree.ts";

const sys = openLinuxSys();

/** Pid of the root task in its pid namespace; those of others come behind it. */
export const ROOT = 77;

/** What CRIU and runc call such a namespace. */
export const KEY = "extRootPidNS";

/** For whoever restores with descriptor 30. */
export const INHERIT = ["--inherit-fd", `fd[30]:${KEY}`];

/**
 * A pid namespace whose first process lives as long as this, and takes the ends of orphans, and a tree of tasks in it that
 * is dumped, restored and ended. The root task's parent is not in it. The test process is a child subreaper meanwhile.
 */
export class ExternalPids implements AsyncDisposable {
  readonly #keeper: Deno.ChildProcess;
  readonly #directory: string;
  /** The first process, as we know it. */
  readonly #first: number;
  /** Pids of the namespace that there are without the tree. */
  readonly #own: readonly string[];
  readonly #unmounting = new AsyncDisposableStack();

  private constructor(keeper: Deno.ChildProcess, directory: string) {
    this.#keeper = keeper;
    this.#directory = directory;
    this.#first = Number(Deno.readTextFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`));
    this.#own = this.pids();
  }

  static async create(): Promise<ExternalPids> {
    // bash(1) takes the ends of orphans when it waits for a command.
    const args = ["--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", "echo ready; cat; true"];
    const keeper = new Deno.Command("unshare", { args, stdin: "piped", stdout: "piped" }).spawn();
    const directory = await Deno.makeTempDir({ prefix: "cgr-pids-" });
    // Users of a user namespace have to get into what is below.
    await Deno.chmod(directory, 0o755);
    await Deno.mkdir(`${directory}/tree`);
    sys.setChildSubreaper(true);
    for await (const _ of keeper.stdout.values({ preventCancel: true })) break;
    await waitUntil(() => childrenOf(onlyChildOf(keeper.pid)) !== "", "the namespace has no processes");
    return new ExternalPids(keeper, directory);
  }

  /** A file that is the namespace. */
  get path(): string {
    return `/proc/${this.#first}/ns/pid`;
  }

  /** What /proc says of it. */
  get link(): string {
    return Deno.readLinkSync(this.path);
  }

  /** A file for a test's own. */
  file(name: string): string {
    return `${this.#directory}/${name}`;
  }

  /** Starts a program of `programs` as the root task, and waits until it is ready; it may see the proc of the namespace. */
  async start(program: string, { seesProc = false } = {}): Promise<void> {
    const command = [await compileHolder(), "spawn", String(ROOT), program, this.file("tree")];
    const mounts = seesProc ? [`--mount=/proc/${this.#first}/ns/mnt`] : [];
    await succeed(["nsenter", `--pid=${this.path}`, ...mounts, "--no-fork", ...command]);
    await waitUntil(() => this.#has("ready"), "the program is not ready");
  }

  /** Mounts the proc of the namespace here; it is unmounted with this. */
  async mountProc(): Promise<string> {
    const point = this.file("proc");
    await Deno.mkdir(point);
    await succeed(["nsenter", `--pid=${this.path}`, "mount", "-t", "proc", "proc", point]);
    this.#unmounting.defer(async () => {
      await succeed(["umount", point]);
    });
    return point;
  }

  /** Dumps the tasks, which are gone then; returns the directory of the images. */
  async dump(options: readonly string[] = []): Promise<string> {
    const images = this.file("images");
    await Deno.mkdir(images);
    const external = `${this.link.replace(":", "")}:${KEY}`;
    const args = ["dump", "-t", String(this.root), "-D", images, "-o", "dump.log", "--external", external];
    await succeed([criuPath(), ...args, ...options]);
    await this.awaitEnd();
    await runProgram(["cp", "-a", this.file("tree"), this.file("saved")]);
    return images;
  }

  /** Restores with cgrestore, which has the namespace as descriptor 30. */
  async restore(images: string, options: readonly string[] = INHERIT): Promise<Run> {
    await this.putDirectoryBack();
    return await runProgram([...providing(this.path), ...this.command(images, options)]);
  }

  /** How cgrestore is started. */
  command(images: string, options: readonly string[] = []): readonly string[] {
    return [...cgrestoreCommand(), "restore", "-D", images, "-v1", "--restore-detached", ...options];
  }

  async restoreWithCriu(images: string, options: readonly string[] = INHERIT): Promise<Run> {
    await this.putDirectoryBack();
    const args = ["restore", "-D", images, "-o", "restore.log", "--restore-detached", ...options];
    return await runProgram([...providing(this.path), criuPath(), ...args]);
  }

  /** Makes the directory of the tasks what it was at the dump. */
  async putDirectoryBack(): Promise<void> {
    await runProgram(["find", this.file("tree"), "-mindepth", "1", "-delete"]);
    await runProgram(["cp", "-a", `${this.file("saved")}/.`, this.file("tree")]);
  }

  /** The tasks as they are seen from within. */
  async describe(): Promise<TreeDescription> {
    const program = new URL("print_tree.ts", import.meta.url).pathname;
    const inside = ["nsenter", "--target", String(this.#first), "--pid", "--mount"];
    const { out } = await succeed([...inside, Deno.execPath(), "run", "-A", "--no-check", program, String(ROOT)]);
    return new Map(JSON.parse(out));
  }

  /** Lets the tasks go on; returns what they found. */
  async finish(): Promise<string> {
    await Deno.writeTextFile(`${this.file("tree")}/go`, "");
    await waitUntil(() => this.#has("result"), "the program has not finished");
    return Deno.readTextFileSync(`${this.file("tree")}/result`).trim();
  }

  /** Pid by which we know the root task. */
  get root(): number {
    const found = this.#find(ROOT);
    if (found === undefined) throw new Error("There is no root task");
    return found;
  }

  #find(inside: number): number | undefined {
    const pattern = new RegExp(`^NSpid:.*\\s${inside}$`, "m");
    return this.#members().find((pid) => pattern.test(statusOf(pid)));
  }

  /** Tasks that are in it, as we know them. */
  #members(): number[] {
    return [...listUsedPids()].filter((pid) => this.linkOf(pid) === this.link);
  }

  /** What /proc says of the pid namespace of a task that we know as `pid`. */
  linkOf(pid: number): string {
    return ifThere(() => Deno.readLinkSync(`/proc/${pid}/ns/pid`));
  }

  /** The pids of processes in it, zombies included. */
  pids(): string[] {
    return [...Deno.readDirSync(`/proc/${this.#first}/root/proc`)].map(({ name }) => name)
      .filter((name) => /^\d+$/.test(name)).sort();
  }

  /** Ends the tasks, if there are any. */
  async kill(): Promise<void> {
    const root = this.#find(ROOT);
    for (const pid of root === undefined ? [] : listTree(root)) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await this.awaitEnd();
  }

  /** Waits until nobody is left in it but its own processes, and takes the ends of those that have become our children. */
  async awaitEnd(): Promise<void> {
    await waitUntil(() => {
      for (const pid of this.#members()) reap(pid);
      return this.pids().join() === this.#own.join();
    }, "tasks are left in the namespace");
  }

  #has(name: string): boolean {
    return [...Deno.readDirSync(this.file("tree"))].some((entry) => entry.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#unmounting.disposeAsync();
    await this.#keeper.stdin.close();
    await this.#keeper.stdout.cancel();
    await this.#keeper.status;
    sys.setChildSubreaper(false);
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function childrenOf(pid: number): string {
  return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
}

function onlyChildOf(pid: number): number {
  return Number(childrenOf(pid));
}

function statusOf(pid: number): string {
  return ifThere(() => Deno.readTextFileSync(`/proc/${pid}/status`));
}

/** What is said of a task, which may have gone, or be another's. */
function ifThere(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || /os error (3|13)\b/.test(String(error))) return "";
    throw error;
  }
}

async function succeed(command: readonly string[]): Promise<Run> {
  const run = await runProgram(command);
  if (run.code !== 0) throw new Error(`Cannot run ${command.join(" ")}: status ${run.code}\n${run.err}`);
  return run;
}
