/** How a run of cgrestore ended. */
export interface Run {
  /** Exit status, 128 + signal when one ended it. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const REPOSITORY = new URL("../..", import.meta.url).pathname;

/** The command that starts cgrestore: what `CGRESTORE` names, as `scripts/test.ts` does, or the sources. */
export function cgrestoreCommand(): readonly [command: string, ...args: string[]] {
  const named = Deno.env.get("CGRESTORE");
  if (named !== undefined) return [named];
  return [Deno.execPath(), "run", "-A", "--no-check", `${REPOSITORY}main.ts`];
}

/** Starts cgrestore with `args`, its output going to pipes. */
export function spawnCgrestore(args: readonly string[]): Deno.ChildProcess {
  const [command, ...first] = cgrestoreCommand();
  const all = [...first, ...args];
  return new Deno.Command(command, { args: all, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

/** Runs cgrestore with `args` to its end. */
export async function runCgrestore(args: readonly string[]): Promise<Run> {
  return describeRun(await spawnCgrestore(args).output());
}

/** The output of a run as text. */
export function describeRun({ code, stdout, stderr }: Deno.CommandOutput): Run {
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}
