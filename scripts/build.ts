/**
 * Makes the executable: `deno run -A scripts/build.ts [--entry main.ts] [--output cgrestore] [--self-extracting]`.
 *
 * The program is bundled to one module and compiled with `deno compile`. That needs the `denort` runtime: the file that
 * `DENORT_BIN` names, or a download. Where neither is there, the same bundle becomes a self-extracting executable with
 * the Deno that runs this script inside (`launcher.sh` is its head), prelinked and with a code cache, because that starts
 * faster.
 */
import { COMPILE_ALL, makeCodeCache } from "./make_code_cache.ts";
import { prelink } from "./prelink.ts";

/** Where the parts of a self-extracting executable lie, and how they are known to be whole. */
export interface Payload {
  /** Bundled program, its code cache and Deno runtime, gzipped. */
  readonly program: Uint8Array;
  readonly codeCache: Uint8Array;
  readonly runtime: Uint8Array;
  /** Name of the directory in a user's cache, of which there is one for all that runs in the same way. */
  readonly key: string;
  /** The module that starts the program. */
  readonly start: string;
  /** Flags of V8 that go with the code cache. */
  readonly flags: readonly string[];
  /** Of the contents before compression, in hexadecimal. */
  readonly programSha256: string;
  readonly codeCacheSha256: string;
  readonly runtimeSha256: string;
}

/** How long `deno compile` may try to get its runtime, in milliseconds; a download of 40 MB fits in. */
const COMPILE_PATIENCE = 90_000;
/** How long a connection to the server that has the runtime may take, in milliseconds. */
const CONNECT_PATIENCE = 3_000;
const DENORT_SERVER = "dl.deno.land";

const text = new TextEncoder();
const root = new URL("../", import.meta.url);
const MAIN = Deno.realPathSync(new URL("main.ts", root));

const KEY_DIGITS = 32;

/** Digits a template's number is padded to, so that filling it in does not move what follows. */
const OFFSET_DIGITS = 12;

/**
 * The `sh` head of a self-extracting executable: `template` with offsets, sums and the cache key filled in.
 *
 * Offsets count from 1, as `tail -c +N` does; blanks after a number keep the head's length independent of them.
 */
export function renderLauncher(template: string, payload: Payload): string {
  const values = {
    KEY: payload.key,
    V8_FLAGS: payload.flags.join(),
    GLIBC_TUNABLES,
    START: payload.start.trimEnd(),
    PROGRAM_SHA256: payload.programSha256,
    CODE_CACHE_SHA256: payload.codeCacheSha256,
    RUNTIME_SHA256: payload.runtimeSha256,
    PROGRAM_SIZE: pad(payload.program.length),
    CODE_CACHE_SIZE: pad(payload.codeCache.length),
    PROGRAM_START: pad(0),
    CODE_CACHE_START: pad(0),
    RUNTIME_START: pad(0),
  };
  const headLength = text.encode(fill(template, values)).length;
  return fill(template, {
    ...values,
    PROGRAM_START: pad(headLength + 1),
    CODE_CACHE_START: pad(headLength + payload.program.length + 1),
    RUNTIME_START: pad(headLength + payload.program.length + payload.codeCache.length + 1),
  });
}

function pad(value: number): string {
  return String(value).padEnd(OFFSET_DIGITS);
}

function fill(template: string, values: Record<string, string>): string {
  return template.replaceAll(/@([A-Z0-9_]+)@/g, (_match, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`Cannot fill in the launcher: no value for "${name}"`);
    return value;
  });
}

/**
 * Garbage is collected a few times only, and among what is old not before there is much of it. And functions know where in
 * the program they are from, or the first error that is told would have V8 parse all of the program once more.
 */
const V8_FLAGS = [
  "--initial-heap-size=128",
  "--min-semi-space-size=8",
  "--no-enable-lazy-source-positions",
];

/**
 * For malloc: no mapping of its own for what is smaller, nothing given back before the end, huge pages, and one heap that
 * begins large enough to have some.
 */
const GLIBC_TUNABLES = [
  "glibc.malloc.mmap_threshold=67108864",
  "glibc.malloc.trim_threshold=268435456",
  "glibc.malloc.top_pad=16777216",
  "glibc.malloc.arena_max=1",
  "glibc.malloc.hugetlb=1",
].join(":");

/** Arguments of `deno compile` for a program that is already one module. */
export function compileArguments(bundle: string, output: string): string[] {
  return [
    "compile",
    "-A",
    `--v8-flags=${[COMPILE_ALL, ...V8_FLAGS].join()}`,
    "--no-check",
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--output",
    output,
    bundle,
  ];
}

async function runDeno(args: string[], options: { env?: Record<string, string>; patience?: number } = {}) {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.patience === undefined ? {} : { signal: AbortSignal.timeout(options.patience) }),
  });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/**
 * Makes one module of the program, all of it in a function: there, variables cost less than those of a module. No `await`
 * can be at its top level.
 */
async function bundle(entry: string, output: string): Promise<void> {
  const form = ["--minify", "--format", "iife", "--platform", "deno"];
  const args = ["bundle", ...form, "--no-check", "--output", output, entry];
  const result = await runDeno(args);
  if (!result.success) throw new Error(`Cannot bundle "${entry}": ${result.output}`);
  // As all modules are, whether it is run as one or not.
  await Deno.writeTextFile(output, `"use strict";${await Deno.readTextFile(output)}`);
}

/** Why `deno compile` cannot have its runtime, or nothing when it is worth a try. */
async function denortMissing(): Promise<string | undefined> {
  const given = Deno.env.get("DENORT_BIN");
  if (given !== undefined && given !== "") {
    const isFile = await Deno.stat(given).then((status) => status.isFile, () => false);
    if (!isFile) throw new Error(`Cannot use DENORT_BIN "${given}": no such file`);
    return undefined;
  }
  const signal = AbortSignal.timeout(CONNECT_PATIENCE);
  try {
    const answer = await fetch(`https://${DENORT_SERVER}/`, { method: "HEAD", signal });
    await answer.body?.cancel();
    return undefined;
  } catch (error) {
    return `${DENORT_SERVER} cannot be reached (${
      error instanceof Error ? error.name : error
    }) and DENORT_BIN is unset`;
  }
}

/** Tries `deno compile`; returns why there is no executable, or nothing when there is one. */
async function compile(program: string, output: string): Promise<string | undefined> {
  const missing = await denortMissing();
  if (missing !== undefined) return missing;
  const result = await runDeno(compileArguments(program, output), { patience: COMPILE_PATIENCE });
  if (result.success) return undefined;
  if (Deno.env.get("DENORT_BIN")) throw new Error(`Cannot compile with DENORT_BIN: ${result.output}`);
  return `deno compile failed: ${result.output.trim().split("\n").slice(-3).join(" ")}`;
}

async function gzip(content: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const compressed = new Blob([content]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(compressed).arrayBuffer());
}

async function sha256(content: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
}

/** The Deno that runs us: prelinked if that can be done and the result runs, else as it is. */
async function prepareRuntime(work: string): Promise<Uint8Array<ArrayBuffer>> {
  const runtime = await Deno.readFile(Deno.execPath());
  const prelinked = prelink(runtime);
  if (typeof prelinked === "string") {
    console.log(`The runtime inside is not prelinked: ${prelinked}`);
    return runtime;
  }
  const trial = `${work}/deno`;
  await Deno.writeFile(trial, prelinked, { mode: 0o700 });
  const command = new Deno.Command(trial, { args: ["eval", "console.log(2 ** 5)"], stdout: "piped", stderr: "null" });
  const { success, stdout } = await command.output();
  if (success && new TextDecoder().decode(stdout).includes("32")) return prelinked;
  console.log("The runtime inside is not prelinked: it did not run that way");
  return runtime;
}

interface Target {
  /** Directory of the bundled program, `cgrestore.js`. */
  readonly work: string;
  readonly output: string;
  /** Whether the program is cgrestore. */
  readonly restores: boolean;
}

async function makeSelfExtracting({ work, output, restores }: Target): Promise<void> {
  const program = await Deno.readFile(`${work}/cgrestore.js`);
  const start = await Deno.readTextFile(new URL("start.js", import.meta.url));
  await Deno.writeTextFile(`${work}/start.js`, start);
  const { flags, database } = await makeCodeCache({ work, flags: V8_FLAGS, restores });
  const runtime = await prepareRuntime(work);
  const programSha256 = await sha256(program);
  const runtimeSha256 = await sha256(runtime);
  const payload = {
    ...{ start, flags, programSha256, runtimeSha256 },
    key: (await sha256(text.encode([programSha256, runtimeSha256, start, ...flags].join()))).slice(0, KEY_DIGITS),
    program: await gzip(program),
    codeCache: await gzip(database),
    runtime: await gzip(runtime),
    codeCacheSha256: await sha256(database),
  };
  const head = renderLauncher(await Deno.readTextFile(new URL("launcher.sh", import.meta.url)), payload);
  const parts = [text.encode(head), payload.program, payload.codeCache, payload.runtime];
  await Deno.writeFile(output, new Blob(parts as BlobPart[]).stream());
}

interface Options {
  readonly entry: string;
  readonly output: string;
  /** Do not even try to compile. */
  readonly selfExtracting: boolean;
}

function parseOptions(args: readonly string[]): Options {
  const options = {
    entry: MAIN,
    output: new URL("cgrestore", root).pathname,
    selfExtracting: false,
  };
  const rest = [...args];
  while (rest.length > 0) {
    const name = rest.shift();
    const value = name === "--self-extracting" ? "" : rest.shift();
    if (value === undefined) throw new Error(`Cannot read "${name}": its value is missing`);
    if (name === "--self-extracting") options.selfExtracting = true;
    else if (name === "--entry") options.entry = value;
    else if (name === "--output") options.output = value;
    else throw new Error(`Cannot read "${name}": the options are --entry FILE, --output FILE and --self-extracting`);
  }
  return options;
}

async function build({ entry, output, selfExtracting }: Options): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "cgrestore-build-" });
  try {
    const program = `${work}/cgrestore.js`;
    const made = `${output}.new`;
    await bundle(entry, program);
    const missing = selfExtracting ? "as told" : await compile(program, made);
    if (missing !== undefined) {
      console.log(`Making a self-extracting executable: ${missing}`);
      await makeSelfExtracting({ work, output: made, restores: await Deno.realPath(entry) === MAIN });
    }
    await Deno.chmod(made, 0o755);
    await Deno.rename(made, output);
    const size = Math.round((await Deno.stat(output)).size / 1e6);
    console.log(`Made ${output} (${missing === undefined ? "compiled" : "self-extracting"}, ${size} MB)`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) await build(parseOptions(Deno.args));
