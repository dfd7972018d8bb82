const PROGRAMS = new URL("../programs/", import.meta.url).pathname;
const CACHE = new URL("../../../.cache/", import.meta.url).pathname;

/** Compiles the programs of `tests/contents/programs` into one static executable, once for each state of the sources. */
export async function compileHolder(): Promise<string> {
  const sources = [...Deno.readDirSync(PROGRAMS)].map(({ name }) => name).filter((name) => /\.[ch]$/.test(name)).sort();
  const texts = sources.map((name) => `${name}\n${Deno.readTextFileSync(PROGRAMS + name)}`).join("\n");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(texts)));
  const folder = `${CACHE}holder-${digest.toHex().slice(0, 16)}`;
  const program = `${folder}/holder`;
  if (exists(program)) return program;
  await Deno.mkdir(folder, { recursive: true });
  const temporary = await Deno.makeTempFile({ dir: folder });
  const files = sources.filter((name) => name.endsWith(".c"));
  const args = ["-O1", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", temporary, ...files];
  const { success, stderr } = await new Deno.Command("cc", { args, cwd: PROGRAMS, stderr: "piped" }).output();
  if (!success) throw new Error(`Cannot compile the programs:\n${new TextDecoder().decode(stderr)}`);
  await Deno.chmod(temporary, 0o755);
  await Deno.rename(temporary, program);
  return program;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
