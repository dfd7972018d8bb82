import { exists } from "../../support/exists.ts";
import { waitUntil } from "../../support/kernel_state.ts";
import type { Run } from "../../support/run_cgrestore.ts";
import { awaitProcesses } from "./await_processes.ts";
import { makeBusyboxRoot } from "./busybox.ts";
import { runProgram } from "./live_tree.ts";

/** Read by CRIU when it dumps: there is no other way to tell it through LXC. */
const CONFIGURATION = "/etc/criu/default.conf";
/**
 * What it does: it counts in a file that is nearly always open, and serves what it has counted last. A service of it has a
 * directory of its own for temporary files.
 */
const SCRIPT = `
  httpd -p 80 -h /data
  unshare -m sh -c 'mount -t tmpfs own /tmp; echo own >/tmp/own; exec 3</tmp/own; exec sleep 1000000' &
  i=0; while :; do i=$((i + 1)); { echo $i; sleep 0.1; } >/data/new; mv /data/new /data/count; done
`;

/** How the container is connected. */
export interface LxcNetwork {
  /** A bridge of this host. */
  readonly bridge: string;
  /** The container's address with the size of its network: `"10.77.1.2/24"`. */
  readonly address: string;
}

/** What a container has besides its network. */
export interface LxcOptions extends LxcNetwork {
  /** Whether it has users of its own. */
  readonly hasUsers: boolean;
}

/** What the root of a container with users of its own is outside, and how many it has. */
const ROOT_OUTSIDE = 100_000;
const USERS = 65536;
/** Which users LXC may give to containers. */
const ALLOWED_USERS = ["/etc/subuid", "/etc/subgid"];

/**
 * A container of LXC that counts, and serves its count by HTTP; ended when this is disposed. It changes CRIU's
 * configuration, and LXC leaves an empty cgroup of its own, so it is for a VM.
 */
export class LxcContainer implements AsyncDisposable {
  readonly name: string;
  /** The containers' directory, which has the images and the logs as well. */
  readonly directory: string;

  readonly #hasUsers: boolean;

  private constructor(directory: string, hasUsers: boolean) {
    this.directory = directory;
    this.#hasUsers = hasUsers;
    this.name = `cgr-${Deno.pid}`;
  }

  /** One that has not been started. */
  static async create({ hasUsers, ...network }: LxcOptions): Promise<LxcContainer> {
    const container = new LxcContainer(await Deno.makeTempDir({ prefix: "cgr-lxc-" }), hasUsers);
    try {
      await container.#makeRoot();
      await container.#configure(network);
      if (hasUsers) await container.#giveUsers();
      return container;
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What it has counted; 0 before it has begun. */
  get count(): number {
    return exists(this.#count) ? Number(Deno.readTextFileSync(this.#count)) : 0;
  }

  /** Waits until it has counted beyond a number. */
  async counts(beyond: number): Promise<void> {
    await waitUntil(() => this.count > beyond, `the container does not count beyond ${beyond}`);
  }

  async start(): Promise<void> {
    await this.#run("start", ["--logfile", `${this.directory}/start.log`]);
    await this.counts(0);
  }

  /** Has CRIU dump it; it has ended then. What it has in its directory of the host's is kept for restores. */
  async checkpoint(): Promise<void> {
    const { code, err } = await this.#attempt("checkpoint", ["--stop", "--checkpoint-dir", this.#images]);
    if (code !== 0) {
      throw new Error(`Cannot dump a container of LXC: ${err}\n${readIfThere(`${this.#images}/dump.log`)}`);
    }
    await awaitProcesses(this.directory);
    await copyFiles(this.#data, this.#dumped);
    // CRIU opens some of them as a user inside.
    if (this.#hasUsers) await runProgram(["chmod", "-R", "a+rX", this.#images]);
  }

  /** Restores it by the first `criu` in a directory, to the files that it had, but with no number counted. */
  async restore(directory: string): Promise<void> {
    // A run before has changed them, and one that it has open may be gone.
    for (const { name } of Deno.readDirSync(this.#data)) await Deno.remove(`${this.#data}/${name}`);
    await copyFiles(this.#dumped, this.#data);
    await Deno.remove(this.#count);
    if (this.#hasUsers) await giveTo(ROOT_OUTSIDE, this.#data);
    const args = ["--restore", "--checkpoint-dir", this.#images];
    const { code, err } = await this.#attempt("checkpoint", args, `${directory}:${Deno.env.get("PATH")}`);
    if (code === 0) return await waitUntil(async () => await this.state() === "RUNNING", "the container does not run");
    throw new Error(`Cannot restore a container of LXC: ${err}\n${readIfThere(`${this.#images}/restore.log`)}`);
  }

  /** Pid of its first process. */
  async pid(): Promise<number> {
    return Number(await this.#run("info", ["--no-humanize", "--pid"]));
  }

  /** `"RUNNING"` */
  async state(): Promise<string> {
    return await this.#run("info", ["--no-humanize", "--state"]);
  }

  /** Ends it, if it runs, and waits until who watches it has tidied up. */
  async stop(): Promise<void> {
    await this.#attempt("stop", ["--kill"]);
    await awaitProcesses(this.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const path of [CONFIGURATION, ...ALLOWED_USERS]) if (exists(path)) await Deno.remove(path);
    await Deno.remove(this.directory, { recursive: true });
  }

  get #root(): string {
    return `${this.directory}/${this.name}/rootfs`;
  }

  get #data(): string {
    return `${this.directory}/data`;
  }

  get #dumped(): string {
    return `${this.directory}/dumped`;
  }

  get #count(): string {
    return `${this.#data}/count`;
  }

  get #images(): string {
    return `${this.directory}/images`;
  }

  async #makeRoot(): Promise<void> {
    await makeBusyboxRoot(this.#root, ["data"]);
    await Deno.writeTextFile(`${this.#root}/init`, `#!/bin/sh${SCRIPT}`, { mode: 0o755 });
  }

  /** Without a console and terminals, as CRIU wants it (lxc-checkpoint(1)). */
  async #configure({ bridge, address }: LxcNetwork): Promise<void> {
    const lines = [
      ...[
        `uts.name = ${this.name}`,
        `rootfs.path = dir:${this.#root}`,
        "init.cmd = /init",
        "mount.auto = proc:rw sys:rw",
      ],
      ...[`rootfs.mount = ${this.directory}/mount`, `mount.entry = ${this.directory}/data data none bind 0 0`],
      ...["console.path = none", "tty.max = 0", "pty.max = 1", "apparmor.profile = unconfined"],
      ...["net.0.type = veth", `net.0.link = ${bridge}`, "net.0.flags = up", "net.0.name = eth0"],
      `net.0.ipv4.address = ${address}`,
    ];
    const text = lines.map((line) => `lxc.${line}\n`).join("");
    await Deno.writeTextFile(`${this.directory}/${this.name}/config`, text);
    for (const name of ["data", "dumped", "mount"]) await Deno.mkdir(`${this.directory}/${name}`);
    await Deno.mkdir("/etc/criu", { recursive: true });
    // The lock that CRIU sets up otherwise needs iptables.
    await Deno.writeTextFile(CONFIGURATION, "network-lock skip\n");
  }

  /** Its files become those of its users, who get to them. */
  async #giveUsers(): Promise<void> {
    const range = `root:${ROOT_OUTSIDE}:${USERS}\n`;
    for (const path of ALLOWED_USERS) await Deno.writeTextFile(path, range);
    const maps = ["u", "g"].map((kind) => `lxc.idmap = ${kind} 0 ${ROOT_OUTSIDE} ${USERS}\n`).join("");
    await Deno.writeTextFile(`${this.directory}/${this.name}/config`, maps, { append: true });
    await Deno.chmod(this.directory, 0o755);
    for (const path of [this.#root, this.#data]) await giveTo(ROOT_OUTSIDE, path);
  }

  async #run(command: string, args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.#attempt(command, args);
    if (code !== 0) throw new Error(`Cannot run lxc-${command}: ${err}\n${readIfThere(`${this.directory}/start.log`)}`);
    return out.trim();
  }

  #attempt(command: string, args: readonly string[], path = Deno.env.get("PATH")): Promise<Run> {
    const place = ["--lxcpath", this.directory, "--name", this.name];
    // What is started may live on with the descriptors that it gets.
    const script =
      'out=$1; shift; "$@" >$out/out 2>$out/err </dev/null; code=$?; cat $out/out; cat $out/err >&2; exit $code';
    return runProgram([
      "env",
      `PATH=${path}`,
      "sh",
      "-c",
      script,
      "sh",
      this.directory,
      `lxc-${command}`,
      ...place,
      ...args,
    ]);
  }
}

async function giveTo(user: number, path: string): Promise<void> {
  const { code, err } = await runProgram(["chown", "-R", `${user}:${user}`, path]);
  if (code !== 0) throw new Error(`Cannot give ${path} to ${user}: ${err}`);
}

async function copyFiles(from: string, to: string): Promise<void> {
  for (const { name } of Deno.readDirSync(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}

function readIfThere(path: string): string {
  return exists(path) ? Deno.readTextFileSync(path) : "";
}
