/** Options of `restore` that are about the end of a restore: who is told, who waits, what is left. */
import { deepEqual as assertEquals, equal as assertEqual, match as assertMatch } from "node:assert/strict";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";
import { cgrestoreCommand, runCgrestore, spawnCgrestore } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { taskExists, waitUntil } from "../support/kernel_state.ts";
import { exists } from "../support/exists.ts";
import { LiveTree } from "./support/live_tree.ts";

const SIGKILL = 9;

const sys = openLinuxSys();

/** Writes a line for each action; ends with status 3 at the action that is named in the file `fail`. */
const SCRIPT = `#!/bin/sh
here=\${0%/*}
state=$(sed -n 's/^State:.\\(.\\).*/\\1/p' "/proc/\${CRTOOLS_INIT_PID:-none}/status" 2>/dev/null | tr SD R)
echo "$CRTOOLS_SCRIPT_ACTION pid=$CRTOOLS_INIT_PID state=$state images=$([ -f "$CRTOOLS_IMAGE_DIR/inventory.img" ] && echo yes)" >> "$here/actions"
echo "said at $CRTOOLS_SCRIPT_ACTION"
[ "$(cat "$here/fail" 2>/dev/null)" != "$CRTOOLS_SCRIPT_ACTION" ] || exit 3
`;

interface Setting {
  readonly tree: LiveTree;
  readonly images: string;
  /** A directory for what a test writes. */
  readonly work: string;
  readonly script: string;
}

function optionTest(name: string, program: string, run: (setting: Setting) => Promise<void>): void {
  Deno.test({
    name,
    ...requires(name, "root", "cc", "criu"),
    async fn() {
      const work = await Deno.makeTempDir({ prefix: "cgr-options-" });
      await using tree = await LiveTree.ofProgram(program);
      try {
        const images = await tree.dump();
        const script = `${work}/script`;
        await Deno.writeTextFile(script, SCRIPT, { mode: 0o755 });
        await run({ tree, images, work, script });
      } finally {
        await Deno.remove(work, { recursive: true });
      }
    },
  });
}

function linesOf(file: string): string[] {
  return Deno.readTextFileSync(file).trimEnd().split("\n");
}

optionTest("--action-script is run at every stage", "idle", async ({ tree, images, work, script }) => {
  const { code, err } = await tree.restore(images, ["--action-script", script, "-v4", "-o", `${work}/log`]);
  assertEqual(err, "");
  assertEqual(code, 0);
  assertEquals(linesOf(`${work}/actions`), [
    "pre-restore pid= state= images=yes",
    `post-restore pid=${tree.root} state=t images=yes`,
    `pre-resume pid=${tree.root} state=t images=yes`,
    `post-resume pid=${tree.root} state=R images=yes`,
  ]);
  const said = linesOf(`${work}/log`).filter((line) => line.startsWith("said"));
  assertEquals(said, ["pre-restore", "post-restore", "pre-resume", "post-resume"].map((action) => `said at ${action}`));
});

for (const action of ["pre-restore", "post-restore"]) {
  optionTest(`a script that fails at ${action} has all undone`, "idle", async ({ tree, images, work, script }) => {
    await Deno.writeTextFile(`${work}/fail`, action);
    const pidfile = `${work}/pid`;
    const { code, err } = await tree.restore(images, ["--action-script", script, "--pidfile", pidfile]);
    assertMatch(err, new RegExp(`Cannot go on after ${action}: the script ".*" has ended with status 3`));
    assertEqual(code, 8);
    await waitUntil(() => !taskExists(tree.root), "the task is still there");
    assertEquals([...Deno.readDirSync(work)].map(({ name }) => name).sort(), ["actions", "fail", "script"]);
  });
}

for (const action of ["setup-namespaces", "post-setup-namespaces"]) {
  const name = `a script that fails at ${action} has all undone`;
  optionTest(name, "namespaces_several", async ({ tree, images, work, script }) => {
    await Deno.writeTextFile(`${work}/fail`, action);
    const { code, err } = await tree.restore(images, ["--action-script", script]);
    assertMatch(err, new RegExp(`Cannot go on after ${action}: the script ".*" has ended with status 3`));
    assertEqual(code, 8);
    assertEqual(linesOf(`${work}/actions`).at(-1), `${action} pid=${tree.root} state=t images=yes`);
    await waitUntil(() => !taskExists(tree.root), "the task is still there");
  });
}

const NAMES_SCRIPT = `#!/bin/sh
name=$(nsenter --target "$CRTOOLS_INIT_PID" --uts --ipc sh -c 'hostname; cat /proc/sysvipc/sem | wc -l' 2>/dev/null)
echo $CRTOOLS_SCRIPT_ACTION $name >> "\${0%/*}/names"
`;

optionTest(
  "scripts are run when namespaces are made, and have what they had",
  "namespaces_several",
  async (setting) => {
    const { tree, images, work, script } = setting;
    await Deno.writeTextFile(script, NAMES_SCRIPT);
    const { code } = await tree.restore(images, ["--action-script", script]);
    assertEqual(code, 0);
    const [, made, full, ...others] = linesOf(`${work}/names`);
    assertEqual(made, `setup-namespaces ${Deno.hostname()} 1`);
    assertEqual(full, "post-setup-namespaces several 2");
    assertEquals(others.map((line) => line.split(" ")[0]), ["post-restore", "pre-resume", "post-resume"]);
    assertEqual(await tree.finish(), "ok");
  },
);

optionTest("a script that fails too late is told of", "idle", async ({ tree, images, work, script }) => {
  await Deno.writeTextFile(`${work}/fail`, "pre-resume");
  const { code, err } = await tree.restore(images, ["--action-script", script, "-v2"]);
  assertMatch(err, /Warn \(cgrestore\): At pre-resume, the script ".*" has ended with status 3/);
  assertEqual(code, 0);
});

optionTest("a script that cannot be run is told of", "idle", async ({ tree, images, work }) => {
  const { code, err } = await tree.restore(images, ["--action-script", `${work}/missing`]);
  assertMatch(err, /the script ".*missing" cannot be run: ENOENT/);
  assertEqual(code, 8);
});

optionTest("--pidfile and --log-file", "idle", async ({ tree, images, work }) => {
  const { code } = await tree.restore(images, ["--pidfile", `${work}/pid`, "-o", "restore.log", "-W", work, "-v3"]);
  assertEqual(code, 0);
  assertEqual(Deno.readTextFileSync(`${work}/pid`), `${tree.root}\n`);
  assertMatch(Deno.readTextFileSync(`${work}/restore.log`), /Restore finished successfully/);
  await tree.kill();
  const again = await tree.restore(images, ["--pidfile", "pid", "-o", "restore.log", "-W", work]);
  assertEqual(again.code, 5);
  assertMatch(
    Deno.readTextFileSync(`${work}/restore.log`),
    /Error \(cgrestore\): Cannot write the pidfile ".*pid": EEXIST/,
  );
  assertEqual(taskExists(tree.root), false);
});

optionTest("--leave-stopped", "idle", async ({ tree, images }) => {
  const { code } = await tree.restore(images, ["--leave-stopped"]);
  assertEqual(code, 0);
  assertEqual(tree.describe().get(`${tree.root} state`), "stopped");
  Deno.kill(tree.root, "SIGCONT");
  await Deno.writeTextFile(`${tree.directory}/go`, "");
  await waitUntil(() => tree.describe().get(`${tree.root} state`) === "zombie", "the task does not go on");
});

optionTest("--wait ends with the status of the root task", "idle", async ({ tree, images }) => {
  await tree.putDirectoryBack();
  const waiting = runCgrestore(["restore", "--images", images, "--wait", "-v1"]);
  await waitUntil(() => tree.describe().get(`${tree.root} state`) === "alive", "the task is not there");
  await Deno.writeTextFile(`${tree.directory}/go`, "");
  assertEqual((await waiting).code, 7);
});

optionTest("--wait passes signals on", "interruptible", async ({ tree, images, work }) => {
  await tree.putDirectoryBack();
  const log = `${work}/log`;
  const child = spawnCgrestore(["restore", "--images", images, "--wait", "-v3", "-o", log]);
  const isRestored = () => exists(log) && Deno.readTextFileSync(log).includes("finished successfully");
  await waitUntil(isRestored, "the task is not there");
  child.kill("SIGTERM");
  const { code } = await child.output();
  assertEqual(code, 40 + 15);
});

optionTest("--restore-sibling makes the root a child of the caller", "several", async ({ tree, images, work }) => {
  await tree.putDirectoryBack();
  const [command, ...first] = cgrestoreCommand();
  const words = [command, ...first, "restore", "-D", images, "--restore-sibling", "-v1"];
  // The shell stays, and waits for the child that it has got.
  const script = `"$@" || exit 99; cut -d" " -f4 /proc/${tree.root}/stat > ${work}/parent; echo $$ > ${work}/shell
    touch ${tree.directory}/go; while kill -0 ${tree.root} && [ "$(cut -d" " -f3 /proc/${tree.root}/stat)" != Z ]; do
    sleep 0.05; done`;
  const shell = new Deno.Command("sh", { args: ["-c", script, "sh", ...words], stdin: "null", stderr: "piped" });
  const { code, stderr } = await shell.output();
  assertEqual(code, 0, new TextDecoder().decode(stderr));
  assertEqual(Deno.readTextFileSync(`${work}/parent`), Deno.readTextFileSync(`${work}/shell`));
  assertEqual(Deno.readTextFileSync(`${tree.directory}/result`), "ok\n");
});

optionTest(
  "--restore-sibling leaves nothing when a script fails",
  "several",
  async ({ tree, images, work, script }) => {
    await Deno.writeTextFile(`${work}/fail`, "post-restore");
    const { code, err } = await tree.restore(images, ["--restore-sibling", "--action-script", script]);
    assertEqual(code, 8, err);
    // The caller is told of the end of its child: here that is the test.
    const status = sys.wait(tree.root, 60_000)?.status;
    assertEqual(status, SIGKILL);
    const isZombie = (pid: number) => /\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
    await waitUntil(() => tree.listTasks().every(isZombie), "tasks are left");
  },
);
