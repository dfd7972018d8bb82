import { waitUntil } from "../../support/kernel_state.ts";
import { Engine, EngineContainer, type Restorer } from "./engine.ts";
import { isAlive } from "./live_tree.ts";

/** podman, with storage of the test's own. Nothing of it goes on without containers but rules of a firewall. */
export class Podman extends Engine {
  readonly #runtime: "runc" | "crun";

  private constructor(runtime: "runc" | "crun") {
    super("podman", runtime);
    this.#runtime = runtime;
  }

  static start(runtime: "runc" | "crun"): Promise<Podman> {
    return new Podman(runtime).setUp();
  }

  protected get command(): string[] {
    const { directory } = this;
    // It makes temporary files in /var/tmp otherwise.
    const variables = { HOME: directory, TMPDIR: directory, CONTAINERS_CONF: this.#configuration, PATH: this.path };
    return [
      ...["env", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`), "podman"],
      ...["--root", `${directory}/storage`, "--runroot", `${directory}/run`, "--tmpdir", `${directory}/tmp`],
      ...["--storage-driver", "overlay", "--network-config-dir", `${directory}/networks`, "--runtime", this.#runtime],
    ];
  }

  /** The storage is mounted over itself while a podman runs, such as the one that tidies up behind a container that has ended. */
  override get containerMounts(): string[] {
    return super.containerMounts.filter((path) => path !== `${this.directory}/storage/overlay`);
  }

  linesOf(id: string): string[] {
    const lines = Deno.readTextFileSync(`${this.#userData(id)}/ctr.log`).split("\n").slice(0, -1);
    return lines.map((line) => line.replace(/^\S+ stdout F /, ""));
  }

  async dump(id: string): Promise<void> {
    const watcher = Number(await this.run(["inspect", "--format", "{{.State.ConmonPid}}", id]));
    await this.run(["container", "checkpoint", "--keep", id]);
    // Who watches the container writes its last lines, and tidies up behind it.
    await waitUntil(() => !isAlive(watcher), `who watches ${id} stays`);
  }

  restoreCommand(id: string): string[] {
    return ["container", "restore", "--keep", id];
  }

  /** Has CRIU dump a container to a file from which it can be made elsewhere; it has ended then. */
  async export({ id }: EngineContainer, archive: string): Promise<void> {
    await this.useAsCriu("criu");
    await this.run(["container", "checkpoint", "--export", archive, id]);
    await this.putUnifiedBack();
  }

  /** Makes another container from such a file, and restores that. */
  async import(archive: string, { name, restorer }: { readonly name: string; readonly restorer: Restorer }) {
    await this.useAsCriu(restorer);
    return new EngineContainer(this, await this.run(["container", "restore", "--import", archive, "--name", name]));
  }

  protected async begin(): Promise<void> {
    const lines = [
      // Docker's is there, too.
      ...["[containers]", 'log_driver = "k8s-file"', 'init_path = "/usr/bin/docker-init"'],
      ...["[engine]", 'cgroup_manager = "cgroupfs"', 'events_logger = "file"'],
      ...["[network]", 'network_backend = "netavark"'],
    ];
    await Deno.writeTextFile(this.#configuration, lines.map((line) => `${line}\n`).join(""));
    // It imports nothing without a policy for who may have signed it.
    await Deno.mkdir(`${this.directory}/.config/containers`, { recursive: true });
    const policy = { default: [{ type: "insecureAcceptAnything" }] };
    await Deno.writeTextFile(`${this.directory}/.config/containers/policy.json`, JSON.stringify(policy));
  }

  protected async end(): Promise<void> {}

  get #configuration(): string {
    return `${this.directory}/containers.conf`;
  }

  #userData(id: string): string {
    return `${this.directory}/storage/overlay-containers/${id}/userdata`;
  }
}
