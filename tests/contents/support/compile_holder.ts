import { exists } from "../../support/exists.ts";
const PROGRAMS = new URL("../programs/", import.meta.url).pathname;
const CACHE = new URL("../../../.cache/", import.meta.url).pathname;

/** For how many bits programs are compiled. */
export interface Target {
  readonly isCompat?: boolean;
}

/** Sources with instructions of 64 bits. */
const NATIVE_ONLY: ReadonlySet<string> = new Set(["registers.c", "rseq.c"]);
/** For 32 bits: numbers are computed as on 64 bits, and files may be large. */
const COMPAT_OPTIONS = ["-m32", "-msse2", "-mfpmath=sse", "-D_FILE_OFFSET_BITS=64"];

/** Compiles the programs of `tests/contents/programs` into one static executable, once for each state of the sources. */
export async function compileHolder(target: Target = {}): Promise<string> {
  const sources = readSources(target);
  const texts = sources.map(([name, text]) => `${name}\n${text}`).join("\n");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(texts)));
  const folder = `${CACHE}${target.isCompat ? "compat-holder" : "holder"}-${digest.toHex().slice(0, 16)}`;
  const program = `${folder}/holder`;
  if (exists(program)) return program;
  await Deno.mkdir(folder, { recursive: true });
  const temporary = await Deno.makeTempFile({ dir: folder });
  await compile(sources.map(([name]) => name), [...optionsOf(target), "-O1", "-o", temporary]);
  await Deno.chmod(temporary, 0o755);
  await Deno.rename(temporary, program);
  return program;
}

/** Compiles only what some programs need, as small as it can be. */
export async function compileSmallHolder(
  programs: readonly string[],
  path: string,
  target: Target = {},
): Promise<void> {
  const sources = readSources(target).filter(([, text]) => {
    const defined = [...text.matchAll(/^PROGRAM\((\w+)\)/gm)].map(([, name = ""]) => name);
    return defined.length === 0 || defined.some((name) => programs.includes(name));
  });
  await compile(sources.map(([name]) => name), [...optionsOf(target), "-Os", "-s", "-o", path]);
}

function optionsOf({ isCompat = false }: Target): readonly string[] {
  return isCompat ? COMPAT_OPTIONS : [];
}

async function compile(sources: readonly string[], options: readonly string[]): Promise<void> {
  const files = sources.filter((name) => name.endsWith(".c"));
  const args = ["-Wall", "-Wextra", "-Werror", "-static", "-pthread", ...options, ...files];
  const { success, stderr } = await new Deno.Command("cc", { args, cwd: PROGRAMS, stderr: "piped" }).output();
  if (!success) throw new Error(`Cannot compile the programs:\n${new TextDecoder().decode(stderr)}`);
}

function readSources({ isCompat = false }: Target): [name: string, text: string][] {
  const names = [...Deno.readDirSync(PROGRAMS)].map(({ name }) => name).filter((name) => /\.[ch]$/.test(name)).sort();
  return names.filter((name) => !isCompat || !NATIVE_ONLY.has(name)).map((
    name,
  ) => [name, Deno.readTextFileSync(PROGRAMS + name)]);
}
