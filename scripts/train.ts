/**
 * Runs the program as restores do, and has V8 write a code cache of what it has compiled for that: `train.ts PROGRAM
 * OUTPUT`, as root, in a pid and a mount namespace of its own, with which all ends that is restored.
 */
import { Script } from "node:vm";
import { makeFixtureRoot, unpackFixture } from "../tests/contents/support/fixture.ts";

/** What many checkpoints have: threads, pipes, a tree of tasks that have memory in common. */
const FIXTURES = ["threads", "pipes", "several"];

const [program = "", output = ""] = Deno.args;
const script = new Script(await Deno.readTextFile(program));

function run(...args: readonly string[]): void {
  Object.defineProperty(Deno, "args", { value: args, configurable: true });
  script.runInThisContext();
  if (Deno.exitCode !== 0) throw new Error(`Cannot run the program with "${args.join(" ")}": status ${Deno.exitCode}`);
}

await makeFixtureRoot();
run("version");
for (const [index, fixture] of FIXTURES.entries()) {
  const images = await unpackFixture(fixture);
  run("plan", "-D", images);
  // They have the same pids, so only those of the last can stay.
  run("restore", ...index === FIXTURES.length - 1 ? ["-d"] : ["--rehearse"], "-D", images);
}
await Deno.writeFile(output, script.createCachedData());
