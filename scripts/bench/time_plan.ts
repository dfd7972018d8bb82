/**
 * Reads and plans the checkpoint in a directory, in a process that has done neither before, and prints as JSON how many
 * milliseconds each took: `deno run -A time_plan.ts DIR`.
 */
import { parseArgs } from "../../lib/cli/parse_args.ts";
import { planForHost } from "../../lib/cli/plan_for_host.ts";
import { readCheckpoint } from "../../lib/cli/read_checkpoint.ts";
import { openLinuxSys } from "../../lib/sys/linux_sys.ts";

const [images = ""] = Deno.args;
const invocation = parseArgs(["plan", "--placeholders", "-D", images]);
if (invocation.command !== "plan") throw new Error(`Cannot plan: the command line asks for "${invocation.command}"`);
using sys = openLinuxSys();
const started = performance.now();
const checkpoint = readCheckpoint(sys, images, invocation.planOptions);
const read = performance.now();
planForHost(sys, checkpoint, invocation.planOptions);
console.log(JSON.stringify({ reading: read - started, planning: performance.now() - read }));
