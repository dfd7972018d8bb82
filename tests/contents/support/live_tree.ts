import { openLinuxSys } from "../../../lib/sys/linux_sys.ts";
import { SysError } from "../../../lib/errors.ts";
import { cgrestoreCommand, type Run } from "../../support/run_cgrestore.ts";
import { claimPid, type PidReservation, RESERVED_PIDS, reservePids } from "../../support/reserve_pids.ts";
import { exists } from "../../support/exists.ts";
import { taskExists, waitUntil } from "../../support/kernel_state.ts";
import { compileHolder, type Target } from "./compile_holder.ts";
import { criuPath } from "../../support/skip.ts";
import { compareTrees, describeTree, listThreads, listTree, parentOf, type TreeDescription } from "./describe_tree.ts";

const sys = openLinuxSys();

/** Masks of signals, and signals that wait, of tasks that run. */
const PASSING = / status (SigBlk|SigPnd|ShdPnd)$/;
/** How often differences of these are looked at, every 10 ms. */
const PASSING_TRIES = 100;

/** Where a tree is to be; what is not given is found for it. */
export interface TreePlace {
  /** Where the tasks live, and are dumped and restored; without it, in the namespaces of the test process. */
  readonly home?: Home | undefined;
  /** Given by who is alone in a pid namespace. */
  readonly pids?: PidReservation;
  /** For the tasks' own files; removed with the tree. */
  readonly directory?: string;
}

/** Namespaces of a test's own. */
export interface Home {
  /** A command that runs another one in them. */
  readonly inside: (command: readonly string[]) => readonly string[];
}

interface Starting extends Target {
  readonly through?: readonly string[];
}

interface TreeOptions {
  readonly directory: string;
  readonly images: string;
  readonly home: Home | undefined;
}

/**
 * A tree of real tasks: started, dumped, restored, and ended when this is disposed.
 *
 * It has a directory of its own, whose state at the dump is put back before each restore. The test process becomes a
 * child subreaper, so that all tasks end as its children, which it reaps.
 */
export class LiveTree implements AsyncDisposable {
  /** How many there are: as long as there is one, we are a child subreaper. */
  static #count = 0;
  readonly #pids: PidReservation;
  /** For the tasks' own files. */
  readonly directory: string;
  readonly #images: string;
  #dumps = 0;
  /** Pids of tasks beyond those that are reserved, which the kernel has chosen. */
  readonly #others = new Set<number>();
  readonly #claims = new DisposableStack();
  readonly #home: Home | undefined;

  private constructor(pids: PidReservation, options: TreeOptions) {
    this.#pids = pids;
    this.directory = options.directory;
    this.#images = options.images;
    this.#home = options.home;
  }

  static async create({ home, pids = reservePids(), directory }: TreePlace = {}): Promise<LiveTree> {
    sys.setChildSubreaper(true);
    LiveTree.#count++;
    const own = directory ?? await Deno.makeTempDir({ prefix: "cgr-tree-" });
    const images = await Deno.makeTempDir({ prefix: "cgr-images-" });
    return new LiveTree(pids, { directory: own, images, home });
  }

  /** A tree of one of `programs`, which is ready. */
  static async ofProgram(program: string, target: Target = {}): Promise<LiveTree> {
    const tree = await LiveTree.create();
    try {
      await tree.startProgram(program, target);
      return tree;
    } catch (error) {
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts one of `programs`, by a command that ends with it, and waits until it is ready. */
  async startProgram(program: string, { through = [], ...target }: Starting = {}): Promise<void> {
    await this.start([...through, await compileHolder(target), "spawn", String(this.root), program, this.directory]);
    await this.ready();
  }

  /** Pid of the root task: the first of those that are reserved. */
  get root(): number {
    return this.#pids.first;
  }

  /** Starts the root task with a command that returns when it has been started. */
  async start(command: readonly string[]): Promise<void> {
    const { code, err } = await this.#run(command);
    if (code !== 0) throw new Error(`Cannot start ${command.join(" ")}: status ${code}\n${err}`);
  }

  /** Waits until the tasks say that they are ready. */
  async ready(): Promise<void> {
    await waitUntil(() => this.has("ready") || !isAlive(this.root), "the program is not ready");
    if (!this.has("ready")) throw new Error(`The program has ended early: ${this.errors()}`);
  }

  describe(): TreeDescription {
    return describeTree(this.root);
  }

  /**
   * Describes the tasks when they wait again as before. One that waits with a mask of signals of its own, as in
   * sigsuspend(2), has that again as soon as it has run, and takes the signals of its timers then: so differences of these
   * are looked at for a second.
   */
  async describeWaiting(before: TreeDescription): Promise<TreeDescription> {
    for (let tries = 0;; tries++) {
      const after = this.describe();
      const mayPass = [...compareTrees(before, after).keys()].some((key) => PASSING.test(key));
      if (!mayPass || tries === PASSING_TRIES) return after;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Writes the memory of the tasks, which run on; a later dump upon it has only what has changed since. */
  async preDump(options: readonly string[] = []): Promise<void> {
    await this.#runDump("pre-dump", options);
  }

  async #runDump(command: string, options: readonly string[]): Promise<string> {
    const upon = this.#dumps === 0 ? [] : ["--prev-images-dir", `../${this.#dumps}`];
    const images = `${this.#images}/${++this.#dumps}`;
    await Deno.mkdir(images);
    this.#notePids();
    const tracked = options.includes("--track-mem") ? upon : [];
    const args = [command, "-t", String(this.root), "-D", images, "-o", "dump.log", "-v4", ...tracked, ...options];
    const { code } = await this.#run([criuPath(), ...args]);
    if (code !== 0) throw new Error(`Cannot dump: ${lastErrors(`${images}/dump.log`)}`);
    return images;
  }

  /** Those which the kernel has chosen, of tasks and their threads: nobody shall get them while they are free. */
  #notePids(): void {
    for (const pid of listTree(this.root)) {
      if (!this.#pidRange().includes(pid)) this.#others.add(pid);
      for (const tid of listThreads(pid)) this.#claims.use(claimPid(tid));
    }
  }

  /** Dumps the tasks, which are gone then; returns the directory of the images. */
  async dump(options: readonly string[] = []): Promise<string> {
    const images = await this.#runDump("dump", options);
    await this.#reapAll();
    await this.saveDirectory();
    return images;
  }

  /** Restores with cgrestore; the tasks run when this returns. */
  async restore(images: string, options: readonly string[] = []): Promise<Run> {
    await this.putDirectoryBack();
    const verbosity = options.some((option) => option.startsWith("-v")) ? [] : ["-v1"];
    const args = ["restore", "--images", images, "--restore-detached", ...verbosity, ...options];
    return await this.#run([...cgrestoreCommand(), ...args]);
  }

  /** Restores with a cgrestore that is told something else of the host: texts of files by path. */
  async restorePretending(
    images: string,
    { host, options = [] }: { readonly host: Readonly<Record<string, string>>; readonly options?: readonly string[] },
  ): Promise<Run> {
    await this.putDirectoryBack();
    const program = new URL("pretending_cgrestore.ts", import.meta.url).pathname;
    const command = [Deno.execPath(), "run", "-A", "--no-check", program, JSON.stringify(host)];
    return await this.#run([...command, "restore", "--images", images, "--restore-detached", "-v1", ...options]);
  }

  /** Restores with a cgrestore that a program starts: `prlimit` and its options. */
  async restoreThrough(
    program: readonly string[],
    images: string,
    options: readonly string[] = [],
  ): Promise<Run> {
    await this.putDirectoryBack();
    const args = ["restore", "--images", images, "--restore-detached", "-v1", ...options];
    return await runProgram([...program, ...cgrestoreCommand(), ...args]);
  }

  /** Restores with CRIU. */
  async restoreWithCriu(images: string, options: readonly string[] = []): Promise<Run> {
    return await this.restoreWithCriuThrough([], images, options);
  }

  /** Restores with a CRIU that a program starts. */
  async restoreWithCriuThrough(
    program: readonly string[],
    images: string,
    options: readonly string[] = [],
  ): Promise<Run> {
    await this.putDirectoryBack();
    const args = ["restore", "-d", "-D", images, "-o", "restore.log", "-v4", ...options];
    const run = await this.#run([...program, criuPath(), ...args]);
    return run.code === 0 ? run : { ...run, err: lastErrors(`${images}/restore.log`) };
  }

  /** Lets the tasks go on; returns what they found, `"ok"` when all was as it should be. */
  async finish(): Promise<string> {
    await this.letGo();
    return await this.result();
  }

  /** Waits until the tasks have been restored by somebody else, and run. */
  async runs(): Promise<void> {
    const areFree = () => listTree(this.root).every(isFree);
    await waitUntil(() => isAlive(this.root) && areFree(), "the tasks do not run");
  }

  /** The first half of `finish`. */
  async letGo(): Promise<void> {
    await Deno.writeTextFile(`${this.directory}/go`, "");
  }

  /** The second half. */
  async result(): Promise<string> {
    await waitUntil(() => this.has("result") || !isAlive(this.root), "the program has not finished");
    if (!this.has("result")) return `the program has ended early: ${this.errors()}`;
    return Deno.readTextFileSync(`${this.directory}/result`).trim();
  }

  has(name: string): boolean {
    return exists(`${this.directory}/${name}`);
  }

  errors(): string {
    return this.has("err") ? Deno.readTextFileSync(`${this.directory}/err`) : "";
  }

  /** Pids of the tasks that there are, zombies included. Orphans of the tree have become our children. */
  listTasks(): number[] {
    const known = new Set([...this.#pidRange(), ...this.#others]);
    for (const pid of this.#isOurs(this.root) ? listTree(this.root) : []) known.add(pid);
    return [...known].filter((pid) => taskExists(pid) && this.#isOurs(pid));
  }

  /** Ends the tasks, if there are any, and waits until they are gone. */
  async kill(): Promise<void> {
    for (const pid of this.listTasks()) killTask(pid);
    await this.#reapAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    // Tests of other things count on init.
    if (--LiveTree.#count === 0) sys.setChildSubreaper(false);
    this.#pids[Symbol.dispose]();
    this.#claims.dispose();
    await Deno.remove(this.#images, { recursive: true });
    await Deno.remove(this.directory, { recursive: true });
  }

  #run(command: readonly string[]): Promise<Run> {
    return runProgram(this.#home?.inside(command) ?? command);
  }

  async #reapAll(): Promise<void> {
    await waitUntil(() => {
      for (const pid of [...this.#pidRange(), ...this.#others]) reap(pid);
      return this.listTasks().length === 0;
    }, "the tasks are still there");
  }

  #pidRange(): number[] {
    return Array.from({ length: RESERVED_PIDS }, (_, index) => this.root + index);
  }

  /** The pids are reserved, but somebody else may have got one by chance. */
  #isOurs(pid: number): boolean {
    const parent = parentOf(pid);
    // The kernel may have given it to a thread of another child of ours.
    if (parent === Deno.pid) return isLeader(pid);
    return this.#others.has(parent) || this.#pidRange().includes(parent);
  }

  /** Makes the directory's state of now what it is before each restore; `dump` does it by itself. */
  async saveDirectory(): Promise<void> {
    await runProgram(["rm", "-rf", `${this.#images}/saved`]);
    await runProgram(["cp", "-a", this.directory, `${this.#images}/saved`]);
  }

  /** Makes the directory what it was at the dump; `restore` does it by itself. The directory itself stays the same. */
  async putDirectoryBack(): Promise<void> {
    await runProgram(["find", this.directory, "-mindepth", "1", "-delete"]);
    await runProgram(["cp", "-a", `${this.#images}/saved/.`, this.directory]);
  }
}

function isLeader(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/status`).includes(`\nTgid:\t${pid}\n`);
  } catch {
    // It is gone, whatever the error is called.
    return false;
  }
}

function killTask(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Takes the end of a child of ours, if it has ended. */
export function reap(pid: number): void {
  try {
    sys.wait(pid, 0);
  } catch (error) {
    if (!(error instanceof SysError) || error.code !== "ECHILD") throw error;
  }
}

/** Whether a task exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    // It is gone, whatever the error is called.
    return false;
  }
}

/** Whether nobody traces a task. */
function isFree(pid: number): boolean {
  try {
    return /^TracerPid:\t0$/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    // It is gone, whatever the error is called.
    return true;
  }
}

/** Runs a program to its end. */
export async function runProgram([command = "", ...args]: readonly string[]): Promise<Run> {
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

function lastErrors(log: string): string {
  const lines = Deno.readTextFileSync(log).split("\n");
  return lines.filter((line) => /Error|Warn.*(unsupported|Unable)/.test(line)).slice(-8).join("\n");
}
