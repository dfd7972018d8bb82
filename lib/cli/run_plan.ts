import { renderJson } from "../report/render_json.ts";
import { renderPlan } from "../report/render_plan.ts";
import type { Sys } from "../sys/sys.ts";
import type { PlanInvocation } from "./invocation.ts";
import { type Output, wantsColor } from "./output.ts";
import { planForHost } from "./plan_for_host.ts";
import { readCheckpoint } from "./read_checkpoint.ts";
import { withAbsolutePaths } from "./with_absolute_paths.ts";

/** Verbosity from which on every descriptor is named. */
const ALL_FROM = 3;

/** Shows what a restore would do on this host, and does nothing. Returns the exit status. */
export function runPlan(given: PlanInvocation, sys: Sys, output: Output): number {
  const invocation = withAbsolutePaths(sys, given);
  const checkpoint = readCheckpoint(sys, invocation.images, invocation.planOptions);
  const { plan } = planForHost(sys, checkpoint, invocation.planOptions);
  const color = wantsColor(output, invocation.color);
  const { contents } = checkpoint;
  const all = invocation.verbosity >= ALL_FROM;
  output.out(invocation.json ? renderJson("plan", plan) : renderPlan(plan, { color, contents, all }));
  return 0;
}
