/** Files that the user provides with `--inherit-fd`. */
import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { cgrestoreCommand, type Run } from "../support/run_cgrestore.ts";
import { criuPath, requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { tryCriu } from "./support/try_criu.ts";

/** A program that holds files which are to be provided, dumped. */
interface Dumped {
  readonly tree: LiveTree;
  readonly images: string;
  /** Options that name all that is provided. */
  readonly options: readonly string[];
  /** As what descriptors it is provided, for a shell. */
  readonly redirections: string;
}

test("files, pipes, memfds and FIFOs that are provided take the place of those that were dumped", async (dumped) => {
  const { tree } = dumped;
  await expectProvided(ours(dumped), dumped, () => assertEquals(linksOf(tree.root), linksTo(tree.directory)));
  await tryCriu(() => expectProvided(theirs(dumped), dumped), () => tree.kill());
});

async function expectProvided(command: readonly string[], dumped: Dumped, look = () => {}): Promise<void> {
  const { tree } = dumped;
  using tubes = await provide(tree);
  const { code, err } = await runWithFiles(command, dumped.redirections);
  assertEqual(err, "", command[0]);
  assertEqual(code, 0, command[0]);
  look();
  assertEqual(await tree.finish(), "ok", command[0]);
  assertEquals(tubes.read(), ["through the pipe", "into the FIFO"], command[0]);
  await tree.kill();
}

test("an external file is needed", async (dumped) => {
  const isNeeded = (option: string) => option !== "--inherit-fd" && !option.includes("]:file[");
  const { code, err } = await runWithFiles(
    ours({ ...dumped, options: pairsOf(dumped, isNeeded) }),
    dumped.redirections,
  );
  assertMatch(
    err,
    /descriptor 22: the external file "(file\[[0-9a-f]+:[0-9a-f]+\])" is needed: --inherit-fd "fd\[N\]:\1"/,
  );
  assertEqual(code, 4);
});

test("what is provided has to be open", async (dumped) => {
  const { code, err } = await runWithFiles(ours(dumped), "");
  assertMatch(err, /--inherit-fd "fd\[16\]:pipe:\[\d+\]": cgrestore was started without descriptor 16/);
  assertEqual(code, 4);
});

test("an external file has to be what was dumped", async (dumped) => {
  using _ = await provide(dumped.tree);
  await Deno.writeTextFile(`${dumped.tree.directory}/provided`, "too long");
  await Deno.chmod(`${dumped.tree.directory}/provided`, 0o600);
  const { code, err } = await runWithFiles(ours(dumped), dumped.redirections);
  assertMatch(err, /"file\[.*\]" as descriptor 17: its mode is 0100600 here, and was 0100640 at the dump/);
  assertEqual(code, 4);
});

test("what nothing needs is told", async (dumped) => {
  using _ = await provide(dumped.tree);
  const options = [...dumped.options, "--inherit-fd", "fd[15]:no/such/file", "--rehearse", "-v3"];
  const { code, err } = await runWithFiles(ours({ ...dumped, options }), dumped.redirections);
  assertMatch(err, /nothing in the checkpoint is "no\/such\/file": that --inherit-fd is not used/);
  assertEqual(code, 0);
});

// CRIU 4.2.1 waits for ever when it is given a file for a socket.
testProgram("inherited_socket", "a provided file takes the place of a socket", async (tree) => {
  const key = Deno.readLinkSync(`/proc/${tree.root}/fd/20`);
  const images = await tree.dump();
  using tubes = await provide(tree);
  const command = ours({ images, options: ["--inherit-fd", `fd[15]:${key}`] });
  const { code, err } = await runWithFiles(command, `15<>'${tree.directory}/tube'`);
  assertEqual(err, "");
  assertEqual(code, 0);
  assertEqual(await tree.finish(), "ok");
  assertEquals(tubes.read(1), ["through the socket"]);
});

function test(what: string, check: (dumped: Dumped) => Promise<void>): void {
  testProgram("inherited", what, async (tree) => await check(await dump(tree)));
}

function testProgram(program: string, what: string, check: (tree: LiveTree) => Promise<void>): void {
  const name = `--inherit-fd: ${what}`;
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      await using tree = await LiveTree.ofProgram(program);
      await check(tree);
    },
  });
}

async function dump(tree: LiveTree): Promise<Dumped> {
  const { directory, root } = tree;
  const mount = /^mnt_id:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${root}/fdinfo/22`))?.[1];
  const file = `file[${Number(mount).toString(16)}:${Deno.statSync(`${directory}/external`).ino?.toString(16)}]`;
  const pipe = Deno.readLinkSync(`/proc/${root}/fd/21`);
  const images = await tree.dump(["--external", file]);
  const keys = {
    15: `${directory.slice(1)}/data`,
    16: pipe,
    17: file,
    18: "/memfd:provided",
    19: `${directory.slice(1)}/fifo`,
  };
  const options = Object.entries(keys).flatMap(([fd, key]) => ["--inherit-fd", `fd[${fd}]:${key}`]);
  const at = (name: string) => `'${directory}/${name}'`;
  const names = { 15: "new", 16: "tube", 17: "provided", 18: "memory", 19: "tube2" };
  const redirections = Object.entries(names).map(([fd, name]) => `${fd}<>${at(name)}`).join(" ");
  return { tree, images, options, redirections };
}

/** Options of which the second word of each pair is wanted. */
function pairsOf({ options }: Dumped, isWanted: (option: string) => boolean): string[] {
  return options.flatMap((option, index) => index % 2 === 1 && isWanted(option) ? ["--inherit-fd", option] : []);
}

function ours({ images, options }: Pick<Dumped, "images" | "options">): string[] {
  return [...cgrestoreCommand(), "restore", "-D", images, ...options.includes("-v3") ? [] : ["-v1"], ...options];
}

function theirs({ images, options }: Dumped): string[] {
  return [criuPath(), "restore", "-d", "-D", images, "-o", "restore.log", ...options];
}

/** Runs a command in a shell, which opens files for it. */
async function runWithFiles(command: readonly string[], redirections: string): Promise<Run> {
  const script = `${redirections === "" ? "" : `exec ${redirections}; `}exec 20<&-; exec "$@"`;
  const args = ["-c", script, "bash", ...command];
  const child = new Deno.Command("bash", { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** Makes the files that are provided, and keeps those with two ends open. */
async function provide(tree: LiveTree): Promise<Tubes> {
  await tree.putDirectoryBack();
  await Deno.writeTextFile(`${tree.directory}/new`, "new");
  await Deno.writeTextFile(`${tree.directory}/memory`, "memory");
  await Deno.writeTextFile(`${tree.directory}/provided`, "provided", { mode: 0o640 });
  await Deno.chmod(`${tree.directory}/provided`, 0o640);
  return new Tubes([`${tree.directory}/tube`, `${tree.directory}/tube2`]);
}

/** FIFOs that are held open. */
class Tubes implements Disposable {
  readonly #files: readonly Deno.FsFile[];

  constructor(paths: readonly string[]) {
    new Deno.Command("mkfifo", { args: [...paths] }).outputSync();
    this.#files = paths.map((path) => Deno.openSync(path, { read: true, write: true }));
  }

  /** What is in each of the first. */
  read(count = this.#files.length): string[] {
    return this.#files.slice(0, count).map((file) => {
      const buffer = new Uint8Array(100);
      return new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer) ?? 0));
    });
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

function linksOf(pid: number): string[] {
  return [20, 21, 22, 23, 24].map((fd) => Deno.readLinkSync(`/proc/${pid}/fd/${fd}`));
}

function linksTo(directory: string): string[] {
  return ["new", "tube", "provided", "memory", "tube2"].map((name) => `${directory}/${name}`);
}
