import { deepEqual as assertEquals, throws } from "node:assert/strict";
import { SysError } from "../errors.ts";
import type { Sys } from "../sys/sys.ts";
import { memorySys } from "../../tests/support/memory_sys.ts";
import { Reaper } from "./reaper.ts";

/** Ends one task, of which two calls fail with these errors; returns the calls that should have ended it. */
function endOne(errors: { readonly kill?: string; readonly ptraceKill?: string }): string[] {
  const calls: string[] = [];
  const call = (name: keyof typeof errors) => () => {
    calls.push(name);
    const code = errors[name];
    if (code !== undefined) throw new SysError(name, code, "Cannot end it");
  };
  const gone = () => {
    throw new SysError("waitpid", "ECHILD", "Cannot wait");
  };
  const sys = { kill: call("kill"), ptraceKill: call("ptraceKill"), wait: gone, taskExists: () => false };
  new Reaper(sys as unknown as Sys, { rootIsSibling: false }).end([7], { all: false });
  return calls;
}

const ROWS: readonly (readonly [what: string, errors: Parameters<typeof endOne>[0], calls: string[]])[] = [
  ["kills it", {}, ["kill"]],
  ["has nothing to do when it has gone", { kill: "ESRCH" }, ["kill"]],
  ["kills it as its tracer where a profile forbids signals", { kill: "EACCES" }, ["kill", "ptraceKill"]],
  ["does not mind when it goes in between", { kill: "EACCES", ptraceKill: "ESRCH" }, ["kill", "ptraceKill"]],
];

Deno.test("Reaper.end()", async (t) => {
  for (const [what, errors, calls] of ROWS) await t.step(what, () => assertEquals(endOne(errors), calls));
  await t.step("tells of anything else", () => {
    throws(() => endOne({ kill: "EIO" }), /Cannot end it: EIO/);
    throws(() => endOne({ kill: "EACCES", ptraceKill: "EIO" }), /Cannot end it: EIO/);
  });
});

Deno.test("Reaper.end() says what ends that nobody takes wait for", () => {
  const gone = () => {
    throw new SysError("waitpid", "ECHILD", "Cannot wait");
  };
  const sys = {
    ...memorySys(new Map([["stat", new TextEncoder().encode(`7 (job) Z 4711 ${"0 ".repeat(46)}`)]])),
    kill: () => {},
    wait: gone,
    taskExists: () => true,
    sleep: () => {},
  };
  const reaper = new Reaper(sys as unknown as Sys, { rootIsSibling: false });
  throws(
    () => reaper.end([7], { all: false }),
    /Cannot end task 7: ETIMEDOUT \(it has ended, but its parent does not wait for it\)/,
  );
});
