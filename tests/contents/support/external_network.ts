import { waitUntil } from "../../support/kernel_state.ts";
import { LiveTree } from "./live_tree.ts";

/** A tree whose net namespace was dumped as an external one, with a process that keeps it. */
export class ExternalNetwork implements AsyncDisposable {
  /** Options that say what descriptor 30 is for. */
  readonly options = ["--inherit-fd", "fd[30]:outer"];
  readonly tree: LiveTree;
  readonly images: string;
  readonly #keeper: Deno.ChildProcess;

  private constructor(tree: LiveTree, images: string, keeper: Deno.ChildProcess) {
    this.tree = tree;
    this.images = images;
    this.#keeper = keeper;
  }

  /** Dumps a program that has a net namespace of its own. */
  static async dump(program: string, options: readonly string[]): Promise<ExternalNetwork> {
    const tree = await LiveTree.ofProgram(program);
    const keeper = keep(tree.root);
    try {
      const link = networkOf(tree.root);
      await waitUntil(() => networkOf(keeper.pid) === link, "the namespace is not kept");
      const external = `${link.replace(":", "")}:outer`;
      return new ExternalNetwork(tree, await tree.dump([...options, "--external", external]), keeper);
    } catch (error) {
      await endKeeper(keeper);
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What /proc says of it. */
  get link(): string {
    return networkOf(this.#keeper.pid);
  }

  /** A program that starts another one with descriptor 30, which is the namespace. */
  get provide(): readonly string[] {
    return providing(`/proc/${this.#keeper.pid}/ns/net`);
  }

  /** The same, which has been opened by a file that it is mounted on. */
  provideByName(): readonly string[] {
    const file = `${this.images}/network`;
    const script =
      `touch ${file} && mount --bind /proc/${this.#keeper.pid}/ns/net ${file} && exec 30<${file} && exec "$@"`;
    return ["unshare", "--mount", "bash", "-c", script, "bash"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endKeeper(this.#keeper);
    await this.tree[Symbol.asyncDispose]();
  }
}

/** A program that starts another one with descriptor 30, which is that file. */
export function providing(path: string): readonly string[] {
  return ["bash", "-c", `exec 30<${path}; exec "$@"`, "bash"];
}

/** What /proc says of the net namespace of a process. */
export function networkOf(pid: number): string {
  return Deno.readLinkSync(`/proc/${pid}/ns/net`);
}

/** It ends when its standard input does. */
function keep(pid: number): Deno.ChildProcess {
  const args = [`--net=/proc/${pid}/ns/net`, "cat"];
  return new Deno.Command("nsenter", { args, stdin: "piped", stdout: "null" }).spawn();
}

async function endKeeper(keeper: Deno.ChildProcess): Promise<void> {
  await keeper.stdin.close();
  await keeper.status;
}
