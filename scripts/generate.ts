/** Generates `lib/gen` and `tests/gen` from `proto`, with buf: its plugins are in `proto/buf.gen.yaml`. */

const ROOT = new URL("../", import.meta.url).pathname;
const BUF = "npm:@bufbuild/buf@1.74.0/buf";

/** What is generated, below the project's top. */
export const GENERATED = ["lib/gen", "tests/gen"] as const;

/**
 * Generates below `top`, into folders that are emptied first.
 *
 * @throws {Error} when buf fails; what it said is on stderr
 */
export async function generate(top: string): Promise<void> {
  const template = await Deno.readTextFile(`${ROOT}proto/buf.gen.yaml`);
  const here = await Deno.makeTempDir({ prefix: "cgrestore-gen-" });
  try {
    const redirected = `${here}/buf.gen.yaml`;
    await Deno.writeTextFile(redirected, template.replaceAll(/^( +out: )\.\.\/(.*)$/gm, `$1${top}/$2`));
    await runBuf(["generate", "--template", redirected]);
  } finally {
    await Deno.remove(here, { recursive: true });
  }
}

/** The plugin is started as `deno`: that must be the Deno that runs us, wherever it is. */
async function runBuf(args: readonly string[]): Promise<void> {
  const deno = Deno.execPath();
  const path = `${deno.slice(0, deno.lastIndexOf("/"))}:${Deno.env.get("PATH") ?? ""}`;
  const { success, code } = await new Deno.Command(deno, {
    args: ["run", "--allow-all", "--quiet", "--no-lock", "--no-config", BUF, ...args],
    cwd: `${ROOT}proto`,
    env: { PATH: path },
  }).spawn().status;
  if (!success) throw new Error(`Cannot generate from "proto": buf ended with status ${code}`);
}

if (import.meta.main) await generate(ROOT.replace(/\/$/, ""));
