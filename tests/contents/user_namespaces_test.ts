import { equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { type userns_entry, userns_entrySchema } from "../gen/namespaces_pb.ts";
import { exists } from "../support/exists.ts";
import { waitUntil } from "../support/kernel_state.ts";
import { cgrestoreCommand } from "../support/run_cgrestore.ts";
import { criuPath, requires } from "../support/skip.ts";
import { restoreAsChild, restoreHere, whatIsNew } from "./support/attempt_restore.ts";
import { compileHolder } from "./support/compile_holder.ts";
import { reap, runProgram } from "./support/live_tree.ts";
import { editImage, only } from "./support/edit_image.ts";
import { testEdited } from "./support/test_edited.ts";
import { testProgram } from "./support/test_program.ts";
import { tryCriu } from "./support/try_criu.ts";

/** Without a pid namespace in it. */
const criuFails = "it mounts a proc, which nobody in the user namespace may do";

testProgram({ program: "user_alone", what: "nothing but a user namespace", criuFails });
testProgram({
  program: "user_alone",
  what: "a user namespace that a sibling enters",
  cgrestore: ["--restore-sibling"],
  criuFails,
});
testProgram({ program: "user_several", what: "namespaces that are owned by a user namespace", criuFails });
testProgram({
  program: "user_nested",
  what: "two net namespaces that are owned by a user namespace, and connected",
  needs: ["iproute2"],
  criuFails,
});
testProgram({
  program: "user_nested",
  what: "two net namespaces, of which a sibling enters one",
  needs: ["iproute2"],
  cgrestore: ["--restore-sibling"],
  criuFails,
});

testProgram({
  program: "user_overlay",
  what: "an overlay that is mounted in a user namespace",
  dump: ["--external", "mnt[/proc]:proc"],
  restore: ["--root", "/", "--external", "mnt[proc]:/proc"],
  // Anonymous shared memory is made outside.
  mayDifferInImages: / map /,
  criuFails,
});

/** What is outside of a network of the tasks: a bridge, to which both the dumped device and the restored one belong. */
const BRIDGED = {
  network: {},
  networkSetup: "ip link add cgrvbr type bridge && ip link set cgrvbr up",
  outerDevices: ["cgrv0", "cgrvout"],
  dump: ["--network-lock", "skip"],
  restore: ["--external", "veth[eth0]:cgrvout@cgrvbr"],
  needs: ["iproute2"],
  criuFails,
} as const;
testProgram({ program: "user_veth", what: "a device in a user namespace, with its other end outside", ...BRIDGED });
testProgram({
  program: "user_veth",
  what: "a device in a user namespace that a sibling enters",
  ...BRIDGED,
  cgrestore: ["--restore-sibling"],
});

const OF_PARENT = { ...BRIDGED, outerDevices: [], restore: ["--external", "macvlan[mv0]:cgrvbr"] };
testProgram({ program: "user_macvlan", what: "a device in a user namespace, with its parent outside", ...OF_PARENT });
testProgram({
  program: "user_macvlan",
  what: "a device with its parent outside, in a user namespace that a sibling enters",
  ...OF_PARENT,
  cgrestore: ["--restore-sibling"],
});

testEdited({
  program: "user_alone",
  what: "a user who is not mapped is refused",
  edit: editMaps((entry) => entry.uidMap.pop()),
  refused: /task \d+: it has user 5001, not of the user namespace/,
});
testEdited({
  program: "user_alone",
  what: "a user namespace without a root is refused",
  edit: editMaps((entry) => entry.gidMap.shift()),
  refused: /user namespace: it has no user 0, or no group 0/,
});
testEdited({
  program: "user_mounts",
  what: "a proc that nobody in the user namespace may make is refused",
  edit: () => {},
  refused: /mount "\/proc" of type proc: the tasks have no pid namespace of their own, .*external one/,
});
testEdited({
  program: "user_alone",
  what: "maps that cannot be ones are damaged",
  edit: editMaps((entry) => entry.uidMap.push(...entry.uidMap)),
  refused: /userns image: its map of uids has ranges that overlap/,
  status: 3,
});
function editMaps(edit: (entry: userns_entry) => void) {
  return (images: string) => editImage(only(images, /^userns-/), userns_entrySchema, edit);
}

const NAME = "user_container: a container with a user namespace";
Deno.test({
  name: NAME,
  ...requires(NAME, "root", "cc", "criu", "pid-namespaces"),
  async fn(t) {
    await using container = await UserContainer.create();
    await container.start();
    await container.dump();
    await t.step("a rehearsal leaves nothing", async () => {
      const { code, err } = await container.restore([...cgrestoreCommand(), "restore", "--rehearse", "-v1"]);
      assertEqual(err, "");
      assertEqual(code, 0);
    });
    for (const isSibling of [false, true]) {
      const name = `a rehearsal ${isSibling ? "as a sibling " : ""}leaves nothing when a call fails`;
      await t.step(name, () => failCalls(container, isSibling));
    }
    const finishes = async (result: RegExp) => {
      assertMatch(container.map("uid_map"), /^0 100000 1000 5000 205000 10$/);
      assertMatch(container.map("gid_map"), /^0 100000 1000 5000 305000 10$/);
      assertMatch(await container.finish(), result);
    };
    await t.step("cgrestore", async () => {
      const { code, err } = await container.restore([...cgrestoreCommand(), "restore", "-v1", "--pidfile", "pid"]);
      assertEqual(err, "");
      assertEqual(code, 0);
      await finishes(/^ok$/);
    });
    const restoreByCriu = async () => {
      // It says on standard error what its tools find there already.
      const { code } = await container.restore([criuPath(), "restore", "--pidfile", "pid"]);
      assertEqual(code, 0);
      // A sysfs shows the devices of the root task's net namespace.
      await finishes(/^ok$|shows_own_network/);
    };
    await t.step("CRIU", () => tryCriu(restoreByCriu, () => container.end()));
  },
});

/** Most calls are for settings of the network, and alike. */
const STRIDE = 149;

/** Lets some calls of a rehearsal fail, and the first ones, which make the namespaces. */
async function failCalls(container: UserContainer, isSibling: boolean): Promise<void> {
  await using child = isSibling ? await restoreAsChild() : undefined;
  const restorer = child ?? restoreHere;
  const args = [...container.options(), "--rehearse", "-v1", ...isSibling ? ["--restore-sibling"] : []];
  const reaping = setInterval(reapEnded, 5);
  try {
    const whole = await restorer.attempt({}, args);
    assertEqual(whole.output, "");
    const before = await restorer.traces();
    const numbers = Array.from({ length: whole.remoteCalls }, (_, index) => index + 1);
    for (const failRemoteCall of numbers.filter((n) => n < STRIDE || n % STRIDE === 0)) {
      const { status, output } = await restorer.attempt({ failRemoteCall }, args);
      reapEnded();
      const left = whatIsNew(before, await restorer.traces());
      assertEqual(left.join(), "", `${failRemoteCall}: ${left.join()}, ${status} ${output}`);
    }
  } finally {
    clearInterval(reaping);
  }
}

/** Whoever restores a sibling has left its end to us. */
function reapEnded(): void {
  const children = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`).split(" ").filter((pid) => pid !== "");
  for (const pid of children) {
    const stat = exists(`/proc/${pid}`) ? Deno.readTextFileSync(`/proc/${pid}/stat`) : "";
    if (/\(cgrestore[^)]*\) Z/.test(stat)) reap(Number(pid));
  }
}

/** Files that are mounts of /dev/null: `NULLS` of the program. */
const NULLS = Array.from({ length: 120 }, (_, index) => `/dev/null${index || ""}`);

/** A program that starts itself as a container does, with a user namespace. */
class UserContainer implements AsyncDisposable {
  readonly #directory: string;
  readonly #images: string;
  #launcher: Deno.ChildProcess | undefined;
  /** Its first process, when it may be there. */
  #root: number | undefined;

  private constructor(directory: string, images: string) {
    this.#directory = directory;
    this.#images = images;
  }

  static async create(): Promise<UserContainer> {
    const directory = await Deno.makeTempDir({ prefix: "cgr-user-" });
    return new UserContainer(directory, await Deno.makeTempDir({ prefix: "cgr-images-" }));
  }

  async start(): Promise<void> {
    const args = ["user_container", this.#directory];
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#launcher = new Deno.Command(await compileHolder(), options).spawn();
    const { pid } = this.#launcher;
    await waitUntil(() => exists(this.#file("ready")), "the program is not ready");
    this.#root = Number(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim());
  }

  async dump(): Promise<void> {
    const args = ["dump", "-t", `${this.#root}`, "-D", this.#images, "-o", "dump.log", "--network-lock", "skip"];
    const nulls = NULLS.map((path) => `mnt[${path}]:${path}`);
    const external = [`mnt[${this.#directory}]:own`, ...nulls].flatMap((key) => ["--external", key]);
    const { code } = await runProgram([criuPath(), ...args, "--file-locks", ...external]);
    assertEqual(code, 0, "criu dump");
    await this.#launcher?.status;
    this.#root = undefined;
    await Deno.remove(this.#file("ready"));
    // CRIU opens some of them as a user inside.
    await runProgram(["chmod", "-R", "a+rX", this.#images]);
  }

  async restore(command: readonly string[]): Promise<{ readonly code: number; readonly err: string }> {
    for (const name of ["go", "result"]) if (exists(this.#file(name))) await Deno.remove(this.#file(name));
    if (exists(`${this.#images}/pid`)) await Deno.remove(`${this.#images}/pid`);
    const run = await runProgram([...command, "-d", ...this.options()]);
    if (exists(`${this.#images}/pid`)) this.#root = Number(Deno.readTextFileSync(`${this.#images}/pid`));
    return run;
  }

  /** What those who restore it have to be told. */
  options(): string[] {
    const nulls = NULLS.map((path) => `mnt[${path}]:/dev/null`);
    const external = [`mnt[own]:${this.#directory}`, ...nulls].flatMap((key) => ["--external", key]);
    return ["-D", this.#images, "--root", this.#file("root"), "--file-locks", ...external];
  }

  /** What a file of its first process says of ids. */
  map(name: string): string {
    return Deno.readTextFileSync(`/proc/${this.#root}/${name}`).trim().split(/\s+/).join(" ");
  }

  async finish(): Promise<string> {
    await Deno.writeTextFile(this.#file("go"), "");
    await waitUntil(() => exists(this.#file("result")), "the program has not finished");
    const result = (await Deno.readTextFile(this.#file("result"))).trim();
    await waitUntil(() => !exists(`/proc/${this.#root}/exe`), "the program has not ended");
    this.#root = undefined;
    return result;
  }

  /** Ends what runs of it. */
  async end(): Promise<void> {
    if (this.#root === undefined || !exists(`/proc/${this.#root}/exe`)) return;
    Deno.kill(this.#root, "SIGKILL");
    await waitUntil(() => !exists(`/proc/${this.#root}/exe`), "the program has not been ended");
  }

  #file(name: string): string {
    return `${this.#directory}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#launcher?.status;
    await Deno.remove(this.#directory, { recursive: true });
    await Deno.remove(this.#images, { recursive: true });
  }
}
