import { dirname } from "node:path/posix";
import { exists } from "../../support/exists.ts";
import { describeHierarchies, waitUntil } from "../../support/kernel_state.ts";
import { criuPath } from "../../support/skip.ts";
import { runProgram } from "./live_tree.ts";
import { pathTo } from "./path_to.ts";
import { writeCgrestore } from "./write_cgrestore.ts";

/** What it has of its own; the rest is this host's. */
const DIRECTORIES = ["proc", "sys", "dev", "run", "tmp", "var/tmp", "data", "usr", "etc/systemd/system"];
const LINKS = { bin: "usr/bin", sbin: "usr/sbin", lib: "usr/lib", lib64: "usr/lib64" };
/** It counts, and keeps the number in a directory of its own, which is open. */
const SERVICE = `i=0; exec 3>/tmp/own; while :; do i=$((i + 1)); echo $i | tee /tmp/last >/data/count; sleep 0.1; done`;
/** Nothing but a service with directories and devices of its own, and a cgroup that never has tasks. */
const UNITS = {
  "default.target": "[Unit]\nDefaultDependencies=no\nRequires=own.service empty.slice\n",
  "own.service": `[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh -c '${SERVICE.replaceAll("$", "$$")}'
PrivateTmp=yes
ProtectSystem=full
ProtectHome=yes
`,
  "empty.slice": "[Unit]\nDefaultDependencies=no\n",
};
/** What systemd needs, as far as tests may have it. */
const CAPABILITIES = ["SYS_ADMIN", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID"]
  .concat("SETUID", "SETPCAP", "SYS_CHROOT", "MKNOD", "SYS_PTRACE").map((name) => `CAP_${name}`);

/**
 * A container of runc whose first process is systemd, with a service that has mounts of its own. Ended when this is
 * disposed, with the cgroups that systemd has made below the container's.
 */
export class SystemdContainer implements AsyncDisposable {
  readonly id = `cgr-systemd-${Deno.pid}`;
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** One that has not been started. */
  static async create(): Promise<SystemdContainer> {
    const container = new SystemdContainer(await Deno.makeTempDir({ prefix: "cgr-systemd-" }));
    try {
      await container.#makeRoot();
      await container.#configure();
      return container;
    } catch (error) {
      await container[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The last number of its service. */
  get count(): number {
    const path = this.#file("data/count");
    return exists(path) ? Number(Deno.readTextFileSync(path)) : 0;
  }

  /** Waits until the service has counted beyond a number. */
  async counts(beyond: number): Promise<void> {
    await waitUntil(() => this.count > beyond, `the service does not count beyond ${beyond}`);
  }

  async start(): Promise<void> {
    await this.#run(["run", "--detach", this.id]);
    await this.counts(0);
  }

  /** Has CRIU dump it; it is gone then, with its cgroups. */
  async checkpoint(): Promise<void> {
    const options = ["--image-path", `${this.directory}/images`, "--work-path", `${this.directory}/dump`];
    await this.#run(["checkpoint", ...options, ...RESTORED, this.id], { criu: criuPath(), log: "dump/dump.log" });
    await this.#removeCgroups();
  }

  /** Restores it by cgrestore. */
  async restore(): Promise<void> {
    const criu = `${this.directory}/bin/criu`;
    await Deno.mkdir(dirname(criu), { recursive: true });
    await writeCgrestore(criu);
    const options = ["--image-path", `${this.directory}/images`, "--work-path", `${this.directory}/restore`];
    await this.#run(["restore", "--detach", ...options, ...RESTORED, this.id], { criu, log: "restore/restore.log" });
  }

  /** Runs a command in it; returns what that prints. */
  async exec(command: readonly string[]): Promise<string> {
    return (await this.#run(["exec", this.id, ...command])).trim();
  }

  /** Pids, as this host has them, of its first process and of its service. */
  async pids(): Promise<{ readonly first: number; readonly service: number }> {
    const { pid } = JSON.parse(await this.#run(["state", this.id]));
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ");
    return { first: pid, service: Number(children[0]) };
  }

  /** Whether there is a cgroup v2 that its systemd calls so: it watches those. */
  hasCgroup(name: string): boolean {
    const unified = describeHierarchies().find((hierarchy) => hierarchy.name === "");
    return unified !== undefined && exists(`${unified.mountPoint}/${this.id}/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runProgram(["runc", ...this.#state, "delete", "--force", this.id]);
    await this.#removeCgroups();
    await Deno.remove(this.directory, { recursive: true });
  }

  get #state(): string[] {
    return ["--root", `${this.directory}/state`];
  }

  #file(name: string): string {
    return `${this.directory}/rootfs/${name}`;
  }

  async #makeRoot(): Promise<void> {
    for (const name of DIRECTORIES) await Deno.mkdir(this.#file(name), { recursive: true });
    for (const [name, target] of Object.entries(LINKS)) await Deno.symlink(target, this.#file(name));
    for (const [name, text] of Object.entries(UNITS)) {
      await Deno.writeTextFile(this.#file(`etc/systemd/system/${name}`), text);
    }
    await Deno.writeTextFile(this.#file("etc/machine-id"), `${"0123456789abcdef".repeat(2)}\n`);
    await Deno.writeTextFile(this.#file("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  }

  async #configure(): Promise<void> {
    await this.#run(["spec"]);
    const path = `${this.directory}/config.json`;
    const config = JSON.parse(await Deno.readTextFile(path));
    const capabilities = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES };
    const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=runc"];
    const args = ["/usr/lib/systemd/systemd"];
    config.process = { ...config.process, terminal: false, args, env, capabilities, noNewPrivileges: false };
    config.root.readonly = false;
    const memory = ["/run", "/tmp"].map((destination) => ({ destination, type: "tmpfs", source: "tmpfs" }));
    const usr = { destination: "/usr", type: "bind", source: "/usr", options: ["bind", "ro"] };
    const cgroups = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec"] };
    const mounts: { destination: string }[] = config.mounts;
    config.mounts = [
      ...mounts.filter(({ destination }) => destination !== cgroups.destination),
      ...memory,
      usr,
      cgroups,
    ];
    config.linux.cgroupsPath = `/${this.id}`;
    config.linux.namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type }));
    config.linux.maskedPaths = config.linux.readonlyPaths = [];
    // The lock that CRIU sets up otherwise needs iptables.
    const configuration = `${this.directory}/criu.conf`;
    await Deno.writeTextFile(configuration, "network-lock skip\n");
    config.annotations = { "org.criu.config": configuration };
    await Deno.writeTextFile(path, JSON.stringify(config));
  }

  /** Children before their parents; who is in them may just be ending. */
  async #removeCgroups(): Promise<void> {
    for (const { mountPoint } of describeHierarchies()) {
      const top = `${mountPoint}/${this.id}`;
      if (!exists(top)) continue;
      await waitUntil(() => removeTree(top), `the cgroup ${top} stays`);
    }
  }

  /** @param criu what runc shall take for CRIU, with its log, for when the command fails */
  async #run(args: readonly string[], { criu = "criu", log }: { criu?: string; log?: string } = {}): Promise<string> {
    // What is started lives on with the descriptors that it gets.
    const script = 'cd "$1"; shift; "$@" >out 2>err </dev/null; code=$?; cat out; cat err >&2; exit $code';
    const { code, out, err } = await runProgram(
      ["sh", "-c", script, "sh", this.directory, "env", `PATH=${pathTo(criu)}`, "runc", ...this.#state, ...args],
    );
    if (code === 0) return out;
    const told = log === undefined ? "" : Deno.readTextFileSync(`${this.directory}/${log}`);
    const errors = told.split("\n").filter((line) => line.includes("Error"));
    throw new Error(`Cannot run runc ${args.join(" ")}: ${err}\n${errors.join("\n")}`);
  }
}

/** What both a dump and a restore are told. */
const RESTORED = ["--manage-cgroups-mode", "soft", "--ext-unix-sk", "--file-locks"];

function removeTree(directory: string): boolean {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    if (isDirectory && !removeTree(`${directory}/${name}`)) return false;
  }
  try {
    Deno.removeSync(directory);
    return true;
  } catch {
    return false;
  }
}
