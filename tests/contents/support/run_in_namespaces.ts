import { exists } from "../../support/exists.ts";
import { FIXTURE_ROOT } from "./fixture.ts";
import { runProgram } from "./live_tree.ts";

/** Runs a script of this directory as `runDenoInNamespaces` does; returns what it prints, as JSON. */
export async function runInNamespaces(script: string, ...args: readonly string[]): Promise<unknown> {
  return JSON.parse(await runDenoInNamespaces([new URL(script, import.meta.url).pathname, ...args]));
}

/**
 * `deno run` of a script of ours, as the first process of a pid namespace and with mounts of its own, so that it may use
 * `FIXTURE_ROOT`; returns what it prints.
 *
 * @param patience seconds after which it is ended
 */
export async function runDenoInNamespaces(args: readonly string[], patience?: number): Promise<string> {
  const inside = ["unshare", "-p", "-f", "-m", "--mount-proc"];
  // The unshare of busybox, in a VM, knows no such option.
  const limited = patience === undefined ? inside : ["timeout", "-s", "KILL", `${patience}`, ...inside, "--kill-child"];
  const deno = [Deno.execPath(), "run", "-A", "--no-check", ...args];
  try {
    const { code, out, err } = await runProgram([...limited, ...deno]);
    if (code !== 0) throw new Error(`Cannot run ${args.join(" ")}: status ${code}\n${err}`.trimEnd());
    return out;
  } finally {
    // Here, what it mounts something on is an empty directory.
    if (exists(FIXTURE_ROOT)) await Deno.remove(FIXTURE_ROOT);
  }
}
