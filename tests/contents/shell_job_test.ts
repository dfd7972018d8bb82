import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { cgrestoreCommand } from "../support/run_cgrestore.ts";
import { criuPath, requires } from "../support/skip.ts";
import { compileHolder } from "./support/compile_holder.ts";
import { compareTrees, type TreeDescription } from "./support/describe_tree.ts";
import { EmulatedTerminal } from "./support/emulated_terminal.ts";
import { LiveTree } from "./support/live_tree.ts";
import { tryCriu } from "./support/try_criu.ts";

/** A job that was dumped on a terminal that is gone by now. */
async function dumpJob(tree: LiveTree, program = "shell_job"): Promise<{ images: string; before: TreeDescription }> {
  const holder = await compileHolder();
  const command = [holder, "job", String(tree.root), program, tree.directory];
  await using _terminal = await EmulatedTerminal.start(command);
  await tree.runs();
  await tree.ready();
  const before = tree.describe();
  return { before, images: await tree.dump(["--shell-job"]) };
}

function test(name: string, run: (tree: LiveTree) => Promise<void>): void {
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      await using tree = await LiveTree.create();
      await run(tree);
    },
  });
}

/** What depends on who has started cgrestore, session and terminal; and the page of code that CRIU's dump writes to. */
const OTHER_SHELL = / (stat (parent|session|terminal)|status NSsid|fd [0-3]|map 0*401000-.*)$/;

for (const program of ["shell_job", "shell_job_openings"]) {
  test(`${program}: a job goes on in another terminal, in its foreground`, async (tree) => {
    const { images, before } = await dumpJob(tree, program);
    await using terminal = await EmulatedTerminal.start(restoreCommand(images));
    const beforeGo = async () => {
      const after = await tree.describeWaiting(before);
      const differences = [...compareTrees(before, after)].filter(([key]) => !OTHER_SHELL.test(key));
      assertEquals(differences, []);
    };
    assertEqual(await talk(tree, terminal, { beforeGo }), 7);
  });
}

test("shell_job: as CRIU restores it", async (tree) => {
  const { images } = await dumpJob(tree);
  const command = [criuPath(), "restore", "-D", images, "--shell-job", "-o", "restore.log", "-v4"];
  await tryCriu(async () => {
    await tree.putDirectoryBack();
    await using terminal = await EmulatedTerminal.start(command);
    assertEqual(await talk(tree, terminal, {}), 0);
  }, () => tree.kill());
});

test("shell_job: a shell stops and continues it as any other job", async (tree) => {
  const { images } = await dumpJob(tree);
  await using terminal = await EmulatedTerminal.start(["bash", "--norc", "-i"]);
  await terminal.type("PS1='$((6 * 7))> '; set +o history\n");
  await terminal.shows("42> ");
  await terminal.type(`${restoreCommand(images).join(" ")}; echo "status $?"\n`);
  await tree.runs();
  await tree.letGo();
  await terminal.shows("runs");
  await terminal.type("one\n");
  await terminal.shows("read <one>");
  await terminal.type("\x1a");
  await terminal.shows("Stopped");
  await terminal.shows("42> ");
  await terminal.type("echo $((2 * 21)) is here; fg\n");
  await terminal.shows("42 is here");
  await terminal.type("two\n");
  await terminal.shows("read <two>");
  await terminal.type("\x03quit\n");
  await terminal.shows("read <quit>");
  assertEqual(await tree.result(), "ok");
  await terminal.shows("42> ");
  await terminal.type("exit 3\n");
  assertEqual(await terminal.end(), 3);
});

test("shell_job: a restore that fails leaves the terminal as it was", async (tree) => {
  const { images } = await dumpJob(tree);
  const look = (file: string) => `{ stty -a; ps -o tpgid= -p $$; } > ${tree.directory}/${file}`;
  const fail = [...restoreCommand(images), "--action-script", `${tree.directory}/fail`].join(" ");
  await Deno.writeTextFile(`${tree.directory}/fail`, `#!/bin/sh\n${look("$CRTOOLS_SCRIPT_ACTION")}\n`);
  await Deno.writeTextFile(`${tree.directory}/fail`, `[ $CRTOOLS_SCRIPT_ACTION != post-restore ]\n`, { append: true });
  await Deno.chmod(`${tree.directory}/fail`, 0o755);
  const script = `${look("before")}; ${fail}; echo "status $?"; ${look("after")}`;
  await using terminal = await EmulatedTerminal.start(["sh", "-c", script]);
  await terminal.shows("status 8");
  assertEqual(await terminal.end(), 0);
  const [before, during, after] = ["before", "post-restore", "after"].map((file) => (
    Deno.readTextFileSync(`${tree.directory}/${file}`)
  ));
  assertEqual(after, before);
  assertMatch(during ?? "", /rows 11; columns 22;[^]* erase = #;[^]* -echo /);
  assertMatch(during ?? "", new RegExp(`\\b${tree.root}\n$`));
});

function restoreCommand(images: string): string[] {
  return [...cgrestoreCommand(), "restore", "--images", images, "--shell-job", "-v1"];
}

/** Types at the terminal of a job, which answers and ends. */
async function talk(
  tree: LiveTree,
  terminal: EmulatedTerminal,
  { beforeGo }: { readonly beforeGo?: () => Promise<void> },
): Promise<number> {
  await tree.runs();
  await beforeGo?.();
  await tree.letGo();
  await terminal.shows("runs");
  await terminal.type("hello\n");
  await terminal.shows("read <hello>");
  await terminal.type("a\x03quit\n");
  await terminal.shows("read <quit>");
  assertEqual(await tree.result(), "ok");
  return await terminal.end();
}
