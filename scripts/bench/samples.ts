/** How long commands take, and how that is told. */
import { execFileSync } from "node:child_process";

export interface Sample {
  readonly wall: number;
  /** Milliseconds of the making alone, where the contender tells them. */
  readonly inner?: number;
}

/** Runs a command to its end; `inner` finds the milliseconds that it tells itself. */
export function timed(command: string, args: readonly string[], inner?: (output: string) => number): Sample {
  const start = performance.now();
  const result = new Deno.Command(command, { args: [...args], stdin: "null" }).outputSync();
  const wall = performance.now() - start;
  const output = new TextDecoder().decode(result.stdout);
  if (!result.success) {
    throw new Error(`${command} ${args.join(" ")}: status ${result.code}\n${new TextDecoder().decode(result.stderr)}`);
  }
  return { wall, ...inner === undefined ? {} : { inner: inner(output) } };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export function row(name: string, samples: readonly Sample[]): void {
  const walls = samples.map((sample) => sample.wall);
  const inners = samples.flatMap((sample) => sample.inner ?? []);
  const parts = [
    `${name.padEnd(34)} ${ms(median(walls))} (${ms(Math.min(...walls)).trim()} – ${ms(Math.max(...walls)).trim()})`,
  ];
  if (inners.length > 0) parts.push(`of these ${ms(median(inners)).trim()} for the tree`);
  console.log(parts.join(", "));
}

function ms(value: number): string {
  return `${value.toFixed(1).padStart(8)} ms`;
}

/** Peak resident memory of one run in MiB, as its parent is told by getrusage(2). */
export function peakMemory(command: string, args: readonly string[]): number {
  const script = "import resource, subprocess, sys\n" +
    "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n" +
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
  return Number(execFileSync("python3", ["-c", script, command, ...args], { encoding: "utf8" })) / 1024;
}

/** The milliseconds that `restore --json` says it took, from the plan on. */
export function innerMilliseconds(output: string): number {
  const result: unknown = JSON.parse(output);
  const times = (result as { restore?: { milliseconds?: { execute?: number } } }).restore?.milliseconds;
  return times?.execute ?? NaN;
}
