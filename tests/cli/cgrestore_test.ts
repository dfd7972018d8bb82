/** The executable as a user has it: standard output, standard error and exit status, each by itself. */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path/posix";
import { writeImages } from "../support/build_images.ts";
import { choosePids, waitUntil } from "../support/kernel_state.ts";
import { requires } from "../support/skip.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const START = join(ROOT, "tests/fixtures/checkpoints/start");
const work = Deno.makeTempDirSync({ prefix: "cgrestore-cli-" });
const executable = join(work, "cgrestore");
addEventListener("unload", () => Deno.removeSync(work, { recursive: true }));

function build(): void {
  const args = ["run", "-A", join(ROOT, "scripts/build.ts"), "--self-extracting", "--output", executable];
  const { success, stderr } = new Deno.Command(Deno.execPath(), { args }).outputSync();
  equal(success, true, new TextDecoder().decode(stderr));
}

interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

function cgrestore(...args: string[]): Result {
  return runProgram(executable, ...args);
}

/** The same for a checkpoint with pids of its own, which may be others' here: in a new pid namespace, all are free. */
function cgrestoreAlone(...args: string[]): Result {
  const alone = ["--pid", "--fork", "--mount", "--mount-proc", "sh", "-c", '"$@"; exit $?', "sh"];
  return runProgram("unshare", ...alone, executable, ...args);
}

function runProgram(program: string, ...args: string[]): Result {
  const { code, stdout, stderr } = new Deno.Command(program, {
    args,
    env: { CGRESTORE_CACHE: join(work, "cache") },
    stdin: "null",
  }).outputSync();
  const decoder = new TextDecoder();
  return { status: code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function makeImages(name: string, description: Parameters<typeof writeImages>[1]): string {
  const directory = join(work, name);
  Deno.mkdirSync(directory, { recursive: true });
  writeImages(directory, description);
  return directory;
}

Deno.test({ name: "the executable", ...requires("the executable", "root", "pid-namespaces") }, async (t) => {
  build();
  await t.step("tells its version and help on standard output", () => {
    deepEqual(cgrestore("--version"), { status: 0, out: "cgrestore 0.1.0\n", err: "" });
    match(cgrestore("--help").out, /--images/);
  });
  await t.step("is CRIU for who calls it criu", () => {
    const criu = join(work, "criu");
    Deno.symlinkSync(executable, criu);
    deepEqual(runProgram(criu, "--version"), { status: 0, out: "Version: 4.2 (cgrestore 0.1.0)\n", err: "" });
  });
  await t.step("2: tells all usage mistakes on standard error", () => {
    const { status, out, err } = cgrestore("--imges", "x", "--manage-cgroups=sotf");
    deepEqual([status, out], [2, ""]);
    match(err, /--imges/);
    match(err, /sotf/);
  });
  await t.step("2: serves nothing but a socket that it was started with", () => {
    for (const fd of ["0", "3", "9", "99"]) {
      const { status, out, err } = cgrestore("swrk", fd);
      deepEqual([status, out], [2, ""]);
      match(err, /cgrestore was not started with a socket there/);
    }
  });
  await t.step("3: tells every damage of the images", () => {
    const directory = makeImages("damaged", { tasks: [{ pid: 24_001 }, { pid: 24_002 }] });
    Deno.truncateSync(join(directory, "pstree.img"), 11);
    Deno.writeTextFileSync(join(directory, "cgroup.img"), "not an image");
    const { status, out, err } = cgrestore("plan", "-D", directory);
    deepEqual([status, out], [3, ""]);
    match(err, /pstree\.img/);
    match(err, /cgroup\.img/);
  });
  await t.step("3: tells which images of contents are missing, and that is no matter for placeholders", () => {
    const pid = choosePids(1);
    const directory = makeImages("bare", { tasks: [{ pid }] });
    const { status, out, err } = cgrestore("plan", "-D", directory);
    deepEqual([status, out], [3, ""]);
    match(err, new RegExp(`mm-${pid}\\.img: there is no such file`));
    equal(cgrestore("plan", "--placeholders", "-D", directory).status, 0);
  });
  await t.step("4: tells who has the pids, and makes nothing", () => {
    const directory = makeImages("taken", { tasks: [{ pid: Deno.pid }] });
    const { status, err } = cgrestore("restore", "--placeholders", "-D", directory);
    equal(status, 4);
    match(err, new RegExp(`task ${Deno.pid}: its pid is taken on this host by process deno, which has to end`));
  });
  await t.step("4: tells who has not waited for a process that has ended", async () => {
    const script = "sleep 0.3 & echo $!; exec sleep 100";
    await using parent = new Deno.Command("sh", { args: ["-c", script], stdout: "piped" }).spawn();
    const { value } = await parent.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    await waitUntil(() => Deno.readTextFileSync(`/proc/${pid}/status`).includes("State:\tZ"), "sleep has not ended");
    const directory = makeImages("zombie", { tasks: [{ pid }] });
    const { status, err } = cgrestore("plan", "--placeholders", "-D", directory);
    parent.kill("SIGKILL");
    equal(status, 4);
    match(err, new RegExp(`by process sleep, which has ended, but its parent ${parent.pid} has not waited for it yet`));
  });
  await t.step("0: plans as text and as JSON, the same each time", () => {
    const first = cgrestoreAlone("plan", "--placeholders", "-D", START);
    deepEqual([first.status, first.err], [0, ""]);
    deepEqual(cgrestoreAlone("plan", "--placeholders", "-D", START), first);
    equal(JSON.parse(cgrestoreAlone("plan", "--placeholders", "--json", "-D", START).out).plan.expectedTasks.length, 5);
  });
  await t.step("0: notes what has no effect", () => {
    const { status, out } = cgrestoreAlone("plan", "--placeholders", "--external", "apparmor:a", "-D", START);
    equal(status, 0);
    match(out, /--external apparmor:a has no effect: nothing outside of a checkpoint is called like that/);
  });
  await t.step("0: rehearses, writes the log, and leaves no pidfile", () => {
    const args = ["-D", START, "-W", work, "-o", "restore.log", "-v4", "--pidfile", "root.pid"];
    const { status, out } = cgrestoreAlone(
      "restore",
      "--rehearse",
      "--placeholders",
      "--manage-cgroups",
      ...args,
      "-d",
      "--no-default-config",
    );
    equal(status, 0);
    match(out, /^Rehearsed 5 tasks and 1 further thread/);
    match(Deno.readTextFileSync(join(work, "restore.log")), /Verified every task/);
    equal(Deno.readDirSync(work).some(({ name }) => name === "root.pid"), false);
  });
  await t.step("0: whatever ends meanwhile of what its caller has started", () => {
    const children = Array.from({ length: 60 }, (_, index) => ({ pid: 2 + index, parent: 1 + index % 3 }));
    const directory = makeImages("alone", { tasks: [{ pid: 1 }, ...children] });
    const rehearse = [executable, "restore", "--rehearse", "--placeholders", "-v1", "-D", directory];
    const started = performance.now();
    equal(runProgram("env", ...rehearse).status, 0);
    const seconds = (performance.now() - started) / 1000;
    // The shell becomes cgrestore, whose children they are then; they end one after the other while it is at work.
    const ends = Array.from({ length: 400 }, (_, index) => `sleep ${(1.5 * seconds * index / 400).toFixed(4)} &`);
    const { status, err } = runProgram("sh", "-c", `${ends.join("\n")}\nexec "$@"`, "sh", ...rehearse);
    deepEqual([status, err], [0, ""]);
  });
  await t.step("the log exists after a failure too", () => {
    const { status } = cgrestore("-D", join(work, "nowhere"), "-W", work, "-o", "failed.log");
    equal(status === 0, false);
    match(Deno.readTextFileSync(join(work, "failed.log")), /Error/);
  });
});
