/** Steps of a check: commands that are run in turn, timed, and judged by what they print. */

export interface Step {
  readonly name: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  /** How long it may take, in milliseconds, where that is not `STEP_PATIENCE`. */
  readonly patience?: number;
}

/** How a step ended. */
export interface StepResult {
  readonly success: boolean;
  /** What it printed: standard output, then standard error. */
  readonly output: string;
}

/** Tests that a step ran. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Reason of each skipped test; `UNEXPLAINED` for one that does not say. */
  readonly skipped: readonly string[];
}

/** The reason of a test that was ignored without a `SKIPPED` line. */
export const UNEXPLAINED = "no reason given";

/** How long a step may take, in milliseconds: a hanging test must not hang the check, nor a busy machine fail it. */
const STEP_PATIENCE = 1_800_000;
const project = new URL("../", import.meta.url).pathname;

/** Runs `deno` and passes on what it prints while it prints it. */
export async function runStep({ name, args, env, patience = STEP_PATIENCE }: Step): Promise<StepResult> {
  const started = performance.now();
  console.log(`==> ${name}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: project,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(patience),
  }).spawn();
  const texts = [passOn(child.stdout, Deno.stdout), passOn(child.stderr, Deno.stderr)];
  const output = (await Promise.all(texts)).join("");
  const { success } = await child.status;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`<== ${name}: ${success ? "ok" : "FAILED"} after ${seconds} s\n`);
  return { success, output };
}

async function passOn(from: ReadableStream<Uint8Array>, to: { writeSync(data: Uint8Array): number }): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of from) {
    for (let written = 0; written < chunk.length;) written += to.writeSync(chunk.subarray(written));
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/**
 * Counts the tests in what `deno test` printed. A failure that no test stands for, such as a type error, counts as one
 * failed test; a step that runs no tests counts as one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const output = "SKIPPED a: no criu\nok | 3 passed (9 steps) | 0 failed | 1 ignored (2s)\n";
 * assert.deepEqual(countTests({ success: true, output }), { passed: 3, failed: 0, skipped: ["no criu"] });
 * ```
 */
export function countTests({ success, output }: StepResult): Counts {
  const summaries = [
    ...output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/gm),
  ];
  const sum = (group: number) => summaries.reduce((total, summary) => total + Number(summary[group] ?? 0), 0);
  const skipped = [...output.matchAll(/^SKIPPED .*: (.*?)\r?$/gm)].map(([, reason]) => reason ?? UNEXPLAINED);
  while (skipped.length < sum(3)) skipped.push(UNEXPLAINED);
  const passed = summaries.length === 0 && success ? 1 : sum(1);
  const failed = success ? 0 : Math.max(1, sum(2));
  return { passed, failed, skipped };
}
