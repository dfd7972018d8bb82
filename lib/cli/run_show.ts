import { renderCheckpoint } from "../report/render_checkpoint.ts";
import { renderJson } from "../report/render_json.ts";
import type { Sys } from "../sys/sys.ts";
import type { ShowInvocation } from "./invocation.ts";
import { type Output, wantsColor } from "./output.ts";
import { readCheckpoint } from "./read_checkpoint.ts";

/** Shows a checkpoint; needs nothing but leave to read its images. Returns the exit status. */
export function runShow(invocation: ShowInvocation, sys: Sys, output: Output): number {
  const checkpoint = readCheckpoint(sys, invocation.images);
  const { json, verbosity } = invocation;
  const color = wantsColor(output, invocation.color);
  output.out(json ? renderJson("checkpoint", checkpoint) : renderCheckpoint(checkpoint, { color, verbosity }));
  return 0;
}
