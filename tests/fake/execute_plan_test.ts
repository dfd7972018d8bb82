/**
 * Plans are followed on the fake kernel, and then again with each call failing once: whatever fails, nothing is left.
 *
 * A close that fails has closed (close(2)), so it is an error like any other, and must not keep other descriptors from
 * being closed. Only of two calls nothing can make up: the way home to our mount namespace and working directory.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { InterruptedError, SysError, UndoError, VerifyError } from "../../lib/errors.ts";
import { PLAN_CASES, type PlanCase } from "./plans.ts";
import { type Run, runPlan } from "./run_plan.ts";

/** What calls that cannot be made up for leave behind. */
const UNAVOIDABLE: Readonly<Record<string, readonly string[]>> = {
  setns: ["mount namespace: another, was home"],
  fchdir: ["working directory: the root of the namespace entered, was /"],
};

/** cgrestore's own standard files. */
const STANDARD_FILES = ["0 /dev/null", "1 /dev/null", "2 /dev/null"];

function caseNamed(part: string): PlanCase {
  const found = PLAN_CASES.find(({ name }) => name.includes(part));
  if (found === undefined) throw new RangeError(`no plan "${part}"`);
  return found;
}

/** Follows a plan that works. */
function follow(planCase: PlanCase, options: Parameters<typeof runPlan>[1] = {}): Run {
  const run = runPlan(planCase, options);
  if (run.error !== undefined) throw run.error;
  return run;
}

/** `[1, 2, … count]`. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** A run that was to fail ended with the right kind of error, and has left nothing. */
function assertNothingLeft(run: Run, what: string): void {
  const { error, fake } = run;
  if (run.doneAt > 0) {
    // The restore was complete; only the closing of the yard failed.
    return deepEqual(fake.openDescriptors(), STANDARD_FILES, what);
  }
  const isExpected = error instanceof SysError || error instanceof VerifyError || error instanceof InterruptedError;
  ok(isExpected, `${what}: ended with ${error} ${JSON.stringify(error instanceof UndoError ? error.problems : "")}`);
  const call = /^(\w+) /.exec(what)?.[1] ?? "";
  const isInjected = error instanceof SysError && error.code === "EIO";
  deepEqual(fake.leftovers(), isInjected ? UNAVOIDABLE[call] ?? [] : [], `${what}: ended with ${error}`);
}

for (const planCase of PLAN_CASES) {
  Deno.test(`executePlan() follows a plan: ${planCase.name}`, () => {
    const { fake, outcome } = follow(planCase);
    const { tasks, self } = fake.kernel;
    const made = [...tasks.values()].filter((task) => /^(t\d+|worker)$/.test(task.comm));
    const expected = planCase.plan.expectedTasks.flatMap(({ pid, threads }) => [pid, ...threads.map(({ tid }) => tid)]);
    deepEqual(made.map((task) => [...task.pid.numbers.values()].at(-1)).sort(), expected.sort());
    ok(outcome !== undefined && tasks.has(outcome.rootPid));
    deepEqual(fake.openDescriptors(), STANDARD_FILES);
    for (const task of made) {
      equal(task.tracer, undefined, `${task.comm} is still traced`);
      deepEqual([...task.leader.descriptors], [], `${task.comm} has files open`);
    }
    const children = [...tasks.values()].filter((task) => task.isLeader && task.parent === self);
    deepEqual(children.map((task) => task.id), [outcome.rootPid]);
  });

  Deno.test(`executePlan() leaves nothing of a rehearsal: ${planCase.name}`, () => {
    deepEqual(follow(planCase, { rehearse: true }).fake.leftovers(), []);
  });

  Deno.test(`executePlan() leaves nothing when a call fails: ${planCase.name}`, () => {
    const { fake } = follow(planCase);
    for (const n of upTo(fake.calls.length)) {
      assertNothingLeft(runPlan(planCase, { failCalls: [n] }), `${fake.calls[n - 1]} (call ${n})`);
    }
  });

  Deno.test(`executePlan() leaves nothing when a rehearsal fails: ${planCase.name}`, () => {
    const { fake, verifiedAt } = follow(planCase, { rehearse: true });
    for (const n of upTo(verifiedAt)) {
      assertNothingLeft(runPlan(planCase, { failCalls: [n], rehearse: true }), `${fake.calls[n - 1]} (call ${n})`);
    }
  });

  Deno.test(`executePlan() leaves nothing when a system call of a task fails: ${planCase.name}`, () => {
    const { fake } = follow(planCase);
    for (const n of upTo(fake.remoteCalls.length)) {
      const run = runPlan(planCase, { failRemoteCall: n });
      assertNothingLeft(run, `${fake.remoteCalls[n - 1]} (remote call ${n})`);
    }
  });

  Deno.test(`executePlan() leaves nothing when a signal comes: ${planCase.name}`, () => {
    const { fake, verifiedAt } = follow(planCase);
    for (const n of upTo(verifiedAt)) {
      const run = runPlan(planCase, { signalAt: n });
      ok(run.error instanceof InterruptedError, `a signal at ${fake.calls[n - 1]} (call ${n}): ${run.error}`);
      deepEqual(run.fake.leftovers(), [], `a signal at ${fake.calls[n - 1]} (call ${n})`);
    }
  });

  Deno.test(`executePlan() goes on undoing when a call of the undo fails: ${planCase.name}`, () => {
    const refuse = new VerifyError("Refused by the test", []);
    const { fake, verifiedAt, error } = runPlan(planCase, { refuse });
    equal(error, refuse);
    deepEqual(fake.leftovers(), []);
    for (const n of upTo(fake.calls.length).slice(verifiedAt)) {
      const run = runPlan(planCase, { refuse, failCalls: [n] });
      const what = `${fake.calls[n - 1]} (call ${n}): ended with ${run.error}`;
      ok(run.error instanceof UndoError || run.error instanceof SysError, what);
      deepEqual(run.fake.openDescriptors(), STANDARD_FILES, what);
      assertUndoneButFor(run, { call: fake.calls[n - 1] ?? "", what });
    }
  });
}

/** After a failure in the undo, only what the failed call stood for is left, and what that keeps busy. */
function assertUndoneButFor({ fake }: Run, { call, what }: { readonly call: string; readonly what: string }): void {
  const left = fake.leftovers();
  const kinds = new Set(left.map((line) => line.split(" ")[0]));
  // No task may be alive but the one that could not be killed, with those above it that wait for it.
  const alive = [...fake.kernel.tasks.values()].filter((task) => /^(t\d|worker)/.test(task.comm) && task.isAlive);
  ok(alive.length <= (call === "kill" ? 2 : 0), `${what}: alive are ${alive.map(({ id }) => id)}`);
  const busy = ["kill", "waitpid", "unlinkat"].includes(call);
  if (!busy) ok(!kinds.has("cgroup") || !left.some((line) => /^cgroup .*was not there/.test(line)), `${what}: ${left}`);
  if (call !== "prctl") ok(!kinds.has("subreaper"), what);
  ok(!kinds.has("shared") && !kinds.has("mount") && !kinds.has("descriptor"), `${what}: ${left}`);
}

Deno.test("executePlan() leaves tasks, zombies and frozen tasks as planned", () => {
  const { tasks } = follow(caseNamed("star")).fake.kernel;
  const states = [5001, 5002, 5003, 5004, 5005].map((pid) => tasks.get(pid)?.state);
  deepEqual(states, ["sleeping", "sleeping", "stopped", "zombie", "zombie"]);
  equal(tasks.get(5006)?.isFrozen, true);
});

Deno.test("executePlan() makes a cgroup namespace whose root is where the task was born", () => {
  const { tasks } = follow(caseNamed("chain")).fake.kernel;
  equal(tasks.get(5001)?.cgroupNamespace, undefined);
  deepEqual(tasks.get(5002)?.cgroupNamespace, new Map([["", "/job/a"]]));
  deepEqual(tasks.get(5003)?.cgroupNamespace, new Map([["", "/job/a"]]));
});

Deno.test("executePlan() lets every task go stopped when asked to", () => {
  const { tasks } = follow(caseNamed("sessions"), { leaveStopped: true }).fake.kernel;
  deepEqual([...new Set([...tasks.values()].filter(({ comm }) => comm.startsWith("t5")).map(({ state }) => state))], [
    "stopped",
  ]);
});
