import assert from "node:assert/strict";
import { compileArguments, renderLauncher } from "../../scripts/build.ts";
import { requires } from "../support/skip.ts";

const project = new URL("../../", import.meta.url).pathname;

interface Run {
  readonly env?: Record<string, string>;
  readonly stdin?: string;
}

/** Runs with an environment of its own: PATH and what `env` has. */
async function run(command: string, args: string[], { env = {}, stdin = "" }: Run = {}) {
  const child = new Deno.Command(command, {
    args,
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // The program may end without having read its input.
  const written = new Response(stdin).body?.pipeTo(child.stdin).catch(() => {});
  const { code, signal, stdout, stderr } = await child.output();
  await written;
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), pid: child.pid };
}

interface Build {
  readonly entry?: string;
  readonly args?: string[];
  readonly env?: Record<string, string>;
}

async function build(output: string, { entry = "tests/build/program.ts", ...options }: Build = {}) {
  const args = ["run", "-A", `${project}scripts/build.ts`, "--entry", project + entry];
  // Building may have to download esbuild, with the certificates and caches that this machine's environment names.
  const { DENORT_BIN: _, ...inherited } = Deno.env.toObject();
  const env = { ...inherited, ...options.env };
  const made = await run(Deno.execPath(), [...args, "--output", output, ...options.args ?? []], { env });
  assert.equal(made.code, 0, made.stderr);
  return made.stdout;
}

async function behavesLikeTheProgram(t: Deno.TestContext, executable: string, env: Record<string, string>) {
  await t.step("passes the arguments on", async () => {
    const args = ["", "two words", "a'b\"c", "*", "--version", "-A", "\\n", "é"];
    const { stdout } = await run(executable, ["arguments", ...args], { env });
    assert.deepEqual(JSON.parse(stdout), args);
  });
  await t.step("passes the standard input on", async () => {
    assert.equal((await run(executable, ["copy"], { env, stdin: "one\ntwo" })).stdout, "one\ntwo");
  });
  await t.step("returns the exit status", async () => {
    assert.equal((await run(executable, ["exit", "7"], { env })).code, 7);
  });
  await t.step("ends by the signal that ended the program", async () => {
    assert.equal((await run(executable, ["kill"], { env })).signal, "SIGTERM");
  });
  await t.step("is one process", async () => {
    const { stdout, pid } = await run(executable, [], { env });
    assert.equal(stdout, `pid ${pid}\n`);
  });
}

const PAYLOAD = {
  program: new Uint8Array(),
  codeCache: new Uint8Array(),
  runtime: new Uint8Array(),
  key: "0123",
  start: "start();\n",
  flags: ["--one", "--two"],
  programSha256: "a".repeat(64),
  codeCacheSha256: "c".repeat(64),
  runtimeSha256: "b".repeat(64),
};

Deno.test("renderLauncher() puts the parts where tail and head find them", () => {
  const names = ["PROGRAM_START", "PROGRAM_SIZE", "CODE_CACHE_START", "CODE_CACHE_SIZE", "RUNTIME_START"];
  const head = renderLauncher(["@KEY@", ...names.map((name) => `@${name}@`), "@START@", "@V8_FLAGS@"].join("|"), {
    ...PAYLOAD,
    program: new Uint8Array(10),
    codeCache: new Uint8Array(5),
    runtime: new Uint8Array(20),
  });
  const [key, ...others] = head.split("|");
  const { length } = head;
  assert.equal(key, PAYLOAD.key);
  assert.deepEqual(others.slice(0, 5).map(Number), [length + 1, 10, length + 11, 5, length + 16]);
  assert.deepEqual(others.slice(5), ["start();", "--one,--two"]);
});

Deno.test("renderLauncher() refuses a name it has no value for", () => {
  assert.throws(() => renderLauncher("@OTHER@", PAYLOAD), /Cannot fill in the launcher: no value for "OTHER"/);
});

Deno.test("the self-extracting executable", async (t) => {
  const work = await Deno.makeTempDir({ prefix: "cgr-build-" });
  const executable = `${work}/cgrestore`;
  let caches = 0;
  /** A cache that is not there yet, and the environment that selects it. */
  const freshCache = () => {
    const path = `${work}/cache-${caches++}`;
    return { path: `${path}/cgrestore`, env: { CGRESTORE_CACHE: path } };
  };
  try {
    await t.step("is built", async () => {
      assert.match(await build(executable, { args: ["--self-extracting"] }), /\(self-extracting, \d+ MB\)/);
    });
    const shared = freshCache();
    await behavesLikeTheProgram(t, executable, shared.env);

    await t.step("shows an error as Deno does", async () => {
      const { code, stderr } = await run(executable, ["throw"], { env: shared.env });
      assert.equal(code, 1);
      assert.match(stderr, /Cannot go on: told so/);
    });
    await t.step("keeps the variables of its caller that it changes", async () => {
      const own = { DENO_DIR: "/own", GLIBC_TUNABLES: "" };
      const { stdout } = await run(executable, ["environment"], { env: { ...shared.env, ...own } });
      const { CGRESTORE_SET: names, DENO_DIR, GLIBC_TUNABLES, ...others } = JSON.parse(stdout);
      assert.equal(names, "CGRESTORE_CALLED_AS DENO_DIR DENO_NO_UPDATE_CHECK GLIBC_TUNABLES");
      assert.notEqual(DENO_DIR, own.DENO_DIR);
      assert.equal(GLIBC_TUNABLES, own.GLIBC_TUNABLES);
      const saved = Object.entries(others).filter(([name]) => name.startsWith("CGRESTORE_CALLERS_"));
      assert.deepEqual(saved.sort(), [["CGRESTORE_CALLERS_DENO_DIR", "/own"], [
        "CGRESTORE_CALLERS_GLIBC_TUNABLES",
        "",
      ]]);
    });
    await t.step("has a code cache that V8 takes", async () => {
      assert.equal(await tryCodeCache(executable, unpackedIn(shared.path)), "taken\n");
    });
    await t.step("unpacks once, for the caller only", async () => {
      const deno = `${unpackedIn(shared.path)}/deno`;
      const before = Deno.statSync(deno);
      assert.equal((await run(executable, [], { env: shared.env })).code, 0);
      assert.equal(Deno.statSync(deno).ino, before.ino);
      assert.equal(Deno.statSync(shared.path).mode! & 0o7777, 0o700);
    });
    await t.step("unpacks when four start at once", async () => {
      const { path, env } = freshCache();
      const runs = await Promise.all(Array.from({ length: 4 }, () => run(executable, ["exit", "3"], { env })));
      assert.deepEqual(runs.map(({ code, stderr }) => [code, stderr]), Array(4).fill([3, ""]));
      const names = [...Deno.readDirSync(unpackedIn(path))].map(({ name }) => name);
      assert.deepEqual(names.filter((name) => name.startsWith("new.")), []);
    });
    await t.step("unpacks again after an unpacking that was cut off", async () => {
      const { path, env } = freshCache();
      assert.equal((await run(executable, [], { env })).code, 0);
      Deno.removeSync(`${unpackedIn(path)}/deno`);
      assert.equal((await run(executable, ["exit", "3"], { env })).code, 3);
    });
    await t.step("removes versions that nobody has run for a month", async () => {
      const { path, env } = freshCache();
      for (const [name, days] of [["old", 31], ["recent", 29]] as const) {
        Deno.mkdirSync(`${path}/${name}`, { recursive: true, mode: 0o700 });
        Deno.writeTextFileSync(`${path}/${name}/deno`, "");
        const time = Date.now() / 1000 - days * 24 * 3600;
        Deno.utimeSync(`${path}/${name}/deno`, time, time);
        Deno.utimeSync(`${path}/${name}`, time, time);
      }
      Deno.chmodSync(path, 0o700);
      assert.equal((await run(executable, [], { env })).code, 0);
      const names = [...Deno.readDirSync(path)].map(({ name }) => name);
      assert.deepEqual([names.length, names.includes("old"), names.includes("recent")], [2, false, true]);
    });
    await t.step("refuses a cache that others may reach", async () => {
      const { path, env } = freshCache();
      Deno.mkdirSync(path, { recursive: true });
      Deno.chmodSync(path, 0o770);
      const { code, stderr } = await run(executable, [], { env });
      assert.equal(code, 70);
      assert.match(stderr, /^cgrestore: Cannot use the cache ".*": others may reach it; run "chmod 700/);
    });
    await t.step("refuses a cache that is a symbolic link", async () => {
      const { path, env } = freshCache();
      Deno.mkdirSync(`${work}/elsewhere`, { mode: 0o700 });
      Deno.mkdirSync(env.CGRESTORE_CACHE);
      Deno.symlinkSync(`${work}/elsewhere`, path);
      const { code, stderr } = await run(executable, [], { env });
      assert.equal(code, 70);
      assert.match(stderr, /Cannot use the cache ".*": it is a symbolic link/);
    });
    await t.step({
      name: "says why it cannot run what it has unpacked, and leaves nothing",
      ...requires("a cache that is mounted noexec", "root"),
      async fn() {
        const cache = `${work}/noexec`;
        Deno.mkdirSync(cache);
        const script =
          'mount -t tmpfs -o noexec tmpfs "$0"; "$1" || { status=$?; find "$0"/cgrestore/*/*; exit $status; }';
        const args = ["--mount", "--propagation", "private", "sh", "-c", script, cache, executable];
        const { code, stdout, stderr } = await run("unshare", args, { env: { CGRESTORE_CACHE: cache } });
        assert.match(stderr, /^cgrestore: Cannot run programs in the cache ".*": mounted noexec, or no glibc/);
        assert.deepEqual([code, stdout], [70, ""]);
      },
    });
    await t.step("refuses a payload that is damaged, and leaves nothing", async () => {
      const damaged = `${work}/damaged`;
      const whole = Deno.readFileSync(executable);
      const head = new TextDecoder().decode(whole.subarray(0, 1000));
      // Behind the headers of gzip(1), in what they say is there.
      const small = ["program", "code_cache"].map((part) => (
        Number(new RegExp(`\\b${part}_start=(\\d+)`).exec(head)?.[1]) + 30
      ));
      for (const at of [...small, Math.floor(whole.length * 0.5), Math.floor(whole.length * 0.99)]) {
        const { path, env } = freshCache();
        const bytes = whole.slice();
        bytes[at] = (bytes[at] ?? 0) ^ 0xff;
        Deno.writeFileSync(damaged, bytes, { mode: 0o755 });
        const { code, stderr } = await run(damaged, [], { env });
        assert.equal(code, 70);
        assert.match(stderr, /Cannot unpack ".*": the file is damaged, or the disk/);
        assert.deepEqual([...Deno.readDirSync(unpackedIn(path))], []);
      }
    });
    await t.step("refuses a payload that is cut off", async () => {
      const { env } = freshCache();
      const short = `${work}/short`;
      Deno.writeFileSync(short, Deno.readFileSync(executable).subarray(0, 2_000_000), { mode: 0o755 });
      assert.equal((await run(short, [], { env })).code, 70);
    });
    await t.step("uses the home directory", async () => {
      const home = `${work}/home`;
      Deno.mkdirSync(home);
      assert.equal((await run(executable, [], { env: { HOME: home } })).code, 0);
      assert.ok(Deno.statSync(`${home}/.cache/cgrestore`).isDirectory);
    });
    await t.step({
      name: "does not put root's files in the home directory of another user",
      ...requires("another user's home", "root"),
      async fn() {
        const home = `${work}/other`;
        Deno.mkdirSync(home);
        Deno.chownSync(home, 1234, 1234);
        const { code, cleanUp } = await runWithoutHome(executable, work, { HOME: home });
        cleanUp();
        assert.equal(code, 0);
        assert.deepEqual([...Deno.readDirSync(home)], []);
      },
    });
    for (
      const [name, env] of [["without HOME", {}], ["with a HOME that cannot be written", { HOME: "/proc" }]] as const
    ) {
      await t.step(`runs ${name}`, async () => {
        const { code, stderr, cleanUp } = await runWithoutHome(executable, work, env);
        cleanUp();
        assert.equal(code, 0, stderr);
      });
    }
  } finally {
    await Deno.remove(work, { recursive: true });
  }
});

/** The directory in a cache that has the unpacked files. */
function unpackedIn(path: string): string {
  return `${path}/${[...Deno.readDirSync(path)].map(({ name }) => name).join()}`;
}

/** Whether V8 takes the code cache in the directory of unpacked files, with the flags that the executable gives it. */
async function tryCodeCache(executable: string, directory: string, moreFlags = ""): Promise<string> {
  const [flags = ""] = /--v8-flags=\S+/.exec(new TextDecoder().decode(Deno.readFileSync(executable))) ?? [];
  const args = ["run", "-A", flags + moreFlags, `${project}tests/build/check_code_cache.ts`, directory];
  return (await run(`${directory}/deno`, args)).stdout;
}

Deno.test({
  name: "cgrestore has a code cache of what a restore takes",
  ...requires("the code cache", "root", "pid-namespaces"),
  async fn() {
    const work = await Deno.makeTempDir({ prefix: "cgr-build-" });
    try {
      const executable = `${work}/cgrestore`;
      const output = await build(executable, { entry: "main.ts", args: ["--self-extracting"] });
      assert.doesNotMatch(output, /The code cache has all functions/);
      const { stdout } = await run(executable, ["version"], { env: { CGRESTORE_CACHE: `${work}/cache` } });
      assert.match(stdout, /^cgrestore /);
      const wrong = await run(executable, ["--wrong"], { env: { CGRESTORE_CACHE: `${work}/cache` } });
      assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
      assert.match(wrong.stderr, /^Error: Cannot use "--wrong": there is no such option\n/);
      const directory = unpackedIn(`${work}/cache/cgrestore`);
      assert.equal(await tryCodeCache(executable, directory), "taken\n");
      assert.equal(await tryCodeCache(executable, directory, ",--no-lazy"), "rejected\n");
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  },
});

/** Runs where the cache falls back to a directory of the system; `cleanUp` removes it if the run made it. */
async function runWithoutHome(executable: string, work: string, env: Record<string, string>) {
  const fallback = "/var/cache/cgrestore";
  const before = await Deno.stat(fallback).then(() => true, () => false);
  const result = await run(executable, [], { env: { TMPDIR: work, ...env } });
  const cleanUp = () => {
    if (!before && Deno.uid() === 0) Deno.removeSync(fallback, { recursive: true });
  };
  return { ...result, cleanUp };
}

Deno.test({
  name: "the compiled executable",
  ...requires("the compiled executable", "denort"),
  async fn(t) {
    const work = await Deno.makeTempDir({ prefix: "cgr-build-" });
    try {
      const executable = `${work}/cgrestore`;
      await t.step("is built", async () => {
        const env = { DENORT_BIN: Deno.env.get("DENORT_BIN") ?? "" };
        assert.match(await build(executable, { env }), /\(compiled, \d+ MB\)/);
      });
      await behavesLikeTheProgram(t, executable, {});
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  },
});

Deno.test("deno compile accepts our command line", async () => {
  const work = await Deno.makeTempDir({ prefix: "cgr-build-" });
  try {
    // Deno itself stands in for the runtime: the result is no working program, but it has the program inside.
    const output = await build(`${work}/made`, { env: { DENORT_BIN: Deno.execPath() } });
    assert.match(output, /\(compiled, \d+ MB\)/);
    const made = new TextDecoder("latin1").decode(Deno.readFileSync(`${work}/made`));
    assert.ok(made.includes("Cannot go on: told so"));
    assert.equal(compileArguments("in.js", "out").at(-1), "in.js");
  } finally {
    await Deno.remove(work, { recursive: true });
  }
});

Deno.test("a DENORT_BIN that is not there is refused", async () => {
  const args = ["run", "-A", `${project}scripts/build.ts`, "--entry", `${project}tests/build/program.ts`];
  const env = { ...Deno.env.toObject(), DENORT_BIN: "/nowhere/denort" };
  const { code, stderr } = await run(Deno.execPath(), [...args, "--output", "/nowhere/cgrestore"], { env });
  assert.notEqual(code, 0);
  assert.match(stderr, /Cannot use DENORT_BIN "\/nowhere\/denort": no such file/);
});
