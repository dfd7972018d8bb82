/** How a run of cgrestore ended. */
export interface Run {
  /** Exit status, 128 + signal when one ended it. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const REPOSITORY = new URL("../..", import.meta.url).pathname;

/**
 * The command that starts cgrestore: what `CGRESTORE` names, or the sources.
 *
 * @param built whether `./cgrestore` is preferred to the sources, where it has been built
 */
export function cgrestoreCommand(built = false): readonly [command: string, ...args: string[]] {
  const named = Deno.env.get("CGRESTORE");
  if (named !== undefined) return [named];
  const executable = `${REPOSITORY}cgrestore`;
  if (built && isFile(executable)) return [executable];
  return [Deno.execPath(), "run", "-A", "--no-check", `${REPOSITORY}main.ts`];
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Starts cgrestore with `args`, its output going to pipes. */
export function spawnCgrestore(args: readonly string[], options: { built?: boolean } = {}): Deno.ChildProcess {
  const [command, ...first] = cgrestoreCommand(options.built);
  const all = [...first, ...args];
  return new Deno.Command(command, { args: all, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

/** Runs cgrestore with `args` to its end. */
export async function runCgrestore(args: readonly string[], options: { built?: boolean } = {}): Promise<Run> {
  return describeRun(await spawnCgrestore(args, options).output());
}

/** The output of a run as text. */
export function describeRun({ code, stdout, stderr }: Deno.CommandOutput): Run {
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}
