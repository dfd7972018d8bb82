import { PlanError, SysError, throwProblems } from "../errors.ts";
import { executePlan } from "../exec/execute_plan.ts";
import { endNewHierarchies, openPreparedYard, openYard, type Yard } from "../exec/yard.ts";
import type { Host } from "../host/host.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { checkPrivileges } from "../plan/check_privileges.ts";
import type { Plan } from "../plan/plan.ts";
import { renderJson } from "../report/render_json.ts";
import { renderResult, type RestoreResult } from "../report/render_result.ts";
import { O_CREAT, O_EXCL, O_PATH, O_WRONLY } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import { architectureOf } from "../tracee/architecture.ts";
import { ActionScripts } from "./action_scripts.ts";
import { inWorkDir, type RestoreInvocation } from "./invocation.ts";
import { type LoggedOutput, wantsColor } from "./output.ts";
import { planForHost, planWithYard } from "./plan_for_host.ts";
import { readCheckpoint } from "./read_checkpoint.ts";
import { describeJob, waitForRoot } from "./wait_for_root.ts";
import { withAbsolutePaths } from "./with_absolute_paths.ts";

/** Mode of a pidfile, as CRIU's. */
const PIDFILE_MODE = 0o600;

/**
 * Restores the checkpoint, or with `--rehearse` proves that it can be restored. Returns the exit status: that of the
 * root task, when it was waited for.
 */
export function runRestore(given: RestoreInvocation, sys: Sys, output: LoggedOutput): number {
  sys.catchSignals();
  const begin = performance.now();
  const invocation = withAbsolutePaths(sys, given);
  const { images, planOptions: { placeholders, joins }, givesMasters = false } = invocation;
  const checkpoint = readCheckpoint(sys, images, { placeholders, givesMasters, joins });
  const read = performance.now();
  output.log.info(`Read ${checkpoint.tasks.length} tasks and ${checkpoint.sets.size} cgroup sets`);
  const { plan, host } = planForHost(sys, checkpoint, invocation.planOptions);
  const planned = performance.now();
  output.log.info(`Planned ${plan.counts.writes} cgroup writes on this host`);
  const architecture = architectureOf(host.machine);
  const hasPreparedYard = invocation.cgroupYard !== undefined;
  throwProblems(PlanError, "Cannot restore without privileges", checkPrivileges(plan, host, { hasPreparedYard }));
  refuseExistingPidfile(invocation, sys);
  using scripts = actionScripts(invocation, sys, output);
  scripts.run("pre-restore");
  const outcome = restoreInYard({ invocation, sys, output, checkpoint, host, architecture, scripts }, plan);
  const execute = performance.now() - planned;
  const result = { ...outcome, milliseconds: { read: read - begin, plan: planned - read, execute } };
  const job = invocation.wait ? describeJob(plan, outcome.rootPid) : undefined;
  const color = wantsColor(output, invocation.color);
  if (invocation.json) output.out(renderJson("restore", result));
  // Else the terminal is the job's by now.
  else if (job?.terminal === undefined) output.out(renderResult(result, { color }));
  if (!invocation.rehearse) scripts.run("post-resume", outcome.rootPid);
  return job === undefined ? 0 : waitForRoot(sys, job);
}

/** A rehearsal runs none: what they do is not undone. */
function actionScripts({ actionScripts, images, rehearse }: RestoreInvocation, sys: Sys, output: LoggedOutput) {
  const { log, logDescriptor, notify } = output;
  return new ActionScripts(sys, { scripts: rehearse ? [] : actionScripts, images, output: logDescriptor, log, notify });
}

/** Restores with a yard that is there only as long. */
function restoreInYard(context: Omit<RestoreContext, "yard">, plan: Plan): Omit<RestoreResult, "milliseconds"> {
  const { invocation, sys } = context;
  const yard = openYardFor(invocation, sys, plan);
  let isUndone = true;
  try {
    const outcome = restoreWithYard({ ...context, yard }, plan);
    isUndone = invocation.rehearse;
    return outcome;
  } finally {
    // What is done is done, and the status is to tell it: not a signal that comes while the process ends. Those that
    // come while the root is waited for are for the root.
    if (isUndone || !invocation.wait) sys.ignoreSignals();
    yard.close();
    if (isUndone && invocation.cgroupYard === undefined) endNewHierarchies(sys, plan.hierarchies);
  }
}

interface RestoreContext {
  readonly invocation: RestoreInvocation;
  readonly sys: Sys;
  readonly output: LoggedOutput;
  readonly checkpoint: Checkpoint;
  readonly host: Host;
  readonly yard: Yard;
  readonly scripts: ActionScripts;
  readonly architecture: ReturnType<typeof architectureOf>;
}

function restoreWithYard(context: RestoreContext, firstPlan: Plan): Omit<RestoreResult, "milliseconds"> {
  const { invocation, sys, output, checkpoint, host, yard, architecture, scripts } = context;
  // What could only be seen through the yard may change the plan.
  const plan = planWithYard(sys, { checkpoint, host, plan: firstPlan, yard }, invocation.planOptions);
  const outcome = executePlan(sys, plan, {
    architecture,
    yard,
    rehearse: invocation.rehearse,
    leaveStopped: invocation.leaveStopped,
    onNamespaces: (action, rootPid) => scripts.run(action, rootPid),
    onVerified: (rootPid, masters) => {
      output.log.info("Verified every task, thread and cgroup");
      for (const master of masters) scripts.giveMaster(master);
      scripts.run("post-restore", rootPid);
      writePidfile(invocation, sys, rootPid);
      scripts.run("pre-resume", rootPid);
    },
  });
  const notes = [...plan.notes, ...outcome.notes];
  for (const note of notes) output.log.info(note);
  output.log.info(invocation.rehearse ? "Undone after the rehearsal" : "Restore finished successfully");
  return {
    rootPid: outcome.rootPid,
    tasks: checkpoint.tasks.length,
    threads: checkpoint.tasks.reduce((sum, task) => sum + task.threads.length, 0),
    writes: plan.counts.writes,
    createdInPlace: plan.counts.createdInPlace,
    rehearsed: invocation.rehearse,
    contents: plan.contents === undefined ? "placeholders" : "restored",
    notes,
  };
}

function openYardFor(invocation: RestoreInvocation, sys: Sys, plan: Plan): Yard {
  if (invocation.cgroupYard === undefined) return openYard(sys, plan.hierarchies);
  return openPreparedYard(sys, inWorkDir(invocation, invocation.cgroupYard), plan.hierarchies);
}

/** Looks before anything is made; `writePidfile` is sure of it. */
function refuseExistingPidfile(invocation: RestoreInvocation, sys: Sys): void {
  if (invocation.pidfile === undefined || invocation.rehearse) return;
  const path = inWorkDir(invocation, invocation.pidfile);
  try {
    sys.close(sys.open(path, O_PATH));
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") return;
    throw error;
  }
  throw new SysError("open", "EEXIST", `Cannot write the pidfile "${path}"`, "remove it, or name another one");
}

/** Written before the tasks are let go, and never over another file. */
function writePidfile(invocation: RestoreInvocation, sys: Sys, rootPid: number): void {
  if (invocation.pidfile === undefined || invocation.rehearse) return;
  const fd = sys.open(inWorkDir(invocation, invocation.pidfile), O_WRONLY | O_CREAT | O_EXCL, PIDFILE_MODE);
  try {
    sys.write(fd, new TextEncoder().encode(`${rootPid}\n`));
  } finally {
    sys.close(fd);
  }
}
