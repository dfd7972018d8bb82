/** Tasks that are dumped and restored again and again, by cgrestore and by CRIU in turns, and run on in the end. */
import { equal as assertEqual } from "node:assert/strict";
import type { Run } from "../support/run_cgrestore.ts";
import { requires } from "../support/skip.ts";
import { LiveTree } from "./support/live_tree.ts";
import { tryCriu } from "./support/try_criu.ts";

type Restorer = "cgrestore" | "CRIU";

const ORDERS: readonly (readonly Restorer[])[] = [["cgrestore", "cgrestore", "CRIU"], ["CRIU", "cgrestore"]];

for (const program of ["threads", "pipes", "pending_signals", "signal_actions", "posix_timers", "unix_connections"]) {
  for (const order of ORDERS) {
    const name = `${program}: rounds of ${order.join(", ")}`;
    Deno.test({ name, ...requires(name, "root", "cc", "criu"), fn: () => goRound(program, order) });
  }
}

async function goRound(program: string, order: readonly Restorer[]): Promise<void> {
  await using tree = await LiveTree.ofProgram(program);
  let images = await tree.dump();
  for (const [index, restorer] of order.entries()) {
    if (index > 0) images = await tree.dump();
    if (restorer === "CRIU") await tryCriu(() => expectRestored(tree.restoreWithCriu(images)), () => tree.kill());
    else await expectRestored(tree.restore(images));
  }
  assertEqual(await tree.finish(), "ok");
}

async function expectRestored(run: Promise<Run>): Promise<void> {
  const { code, err } = await run;
  assertEqual(err, "");
  assertEqual(code, 0);
}
