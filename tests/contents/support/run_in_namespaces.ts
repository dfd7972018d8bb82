import { exists } from "../../support/exists.ts";
import { FIXTURE_ROOT } from "./fixture.ts";
import { runProgram } from "./live_tree.ts";

/** Runs a script of ours as the first process of a pid namespace, with mounts of its own; returns what it prints, as JSON. */
export async function runInNamespaces(script: string, ...args: readonly string[]): Promise<unknown> {
  const path = new URL(script, import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "-A", "--no-check", path, ...args];
  try {
    const { code, out, err } = await runProgram(["unshare", "-p", "-f", "-m", "--mount-proc", ...deno]);
    if (code !== 0) throw new Error(`Cannot run ${script}: status ${code}\n${err}`);
    return JSON.parse(out);
  } finally {
    // Here, what it mounts something on is an empty directory.
    if (exists(FIXTURE_ROOT)) await Deno.remove(FIXTURE_ROOT);
  }
}
