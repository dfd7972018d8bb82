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
import { inWorkDir, type RestoreInvocation } from "./invocation.ts";
import { type LoggedOutput, wantsColor } from "./output.ts";
import { planForHost, planWithYard } from "./plan_for_host.ts";
import { describeJob, type Job, waitForJob } from "./wait_for_job.ts";
import { readCheckpoint } from "./read_checkpoint.ts";

/** Mode of a pidfile, as CRIU's. */
const PIDFILE_MODE = 0o600;

/**
 * Restores the checkpoint, or with `--rehearse` proves that it can be restored. Returns the exit status: that of the
 * root task, when it was waited for.
 */
export function runRestore(invocation: RestoreInvocation, sys: Sys, output: LoggedOutput): number {
  sys.catchSignals();
  const begin = performance.now();
  const checkpoint = readCheckpoint(sys, invocation.images, invocation.planOptions);
  const read = performance.now();
  output.log.info(`Read ${checkpoint.tasks.length} tasks and ${checkpoint.sets.size} cgroup sets`);
  const { plan, host } = planForHost(sys, checkpoint, invocation.planOptions);
  const planned = performance.now();
  output.log.info(`Planned ${plan.counts.writes} cgroup writes on this host`);
  const architecture = architectureOf(host.machine);
  const hasPreparedYard = invocation.cgroupYard !== undefined;
  throwProblems(PlanError, "Cannot restore without privileges", checkPrivileges(plan, host, { hasPreparedYard }));
  refuseExistingPidfile(invocation, sys);
  const yard = openYardFor(invocation, sys, plan);
  let isUndone = true;
  let job: Job | undefined;
  try {
    const outcome = restoreWithYard({ invocation, sys, output, checkpoint, host, yard, architecture }, plan);
    const execute = performance.now() - planned;
    const result = { ...outcome, milliseconds: { read: read - begin, plan: planned - read, execute } };
    const color = wantsColor(output, invocation.color);
    isUndone = invocation.rehearse;
    if (waitsForJob(invocation)) job = describeJob(plan, outcome.rootPid);
    // The terminal is the job's by now.
    if (invocation.json || job === undefined) {
      output.out(invocation.json ? renderJson("restore", result) : renderResult(result, { color }));
    }
  } finally {
    yard.close();
    if (isUndone && !hasPreparedYard) endNewHierarchies(sys, plan.hierarchies);
  }
  return job === undefined ? 0 : waitForJob(sys, job);
}

/** Whether the tasks are a job of the shell that waits for cgrestore. */
function waitsForJob({ planOptions: { shellJob }, detached, rehearse }: RestoreInvocation): boolean {
  return shellJob && !detached && !rehearse;
}

interface RestoreContext {
  readonly invocation: RestoreInvocation;
  readonly sys: Sys;
  readonly output: LoggedOutput;
  readonly checkpoint: Checkpoint;
  readonly host: Host;
  readonly yard: Yard;
  readonly architecture: ReturnType<typeof architectureOf>;
}

function restoreWithYard(context: RestoreContext, firstPlan: Plan): Omit<RestoreResult, "milliseconds"> {
  const { invocation, sys, output, checkpoint, host, yard, architecture } = context;
  // What could only be seen through the yard may change the plan.
  const plan = planWithYard(sys, { checkpoint, host, plan: firstPlan, yard }, invocation.planOptions);
  const outcome = executePlan(sys, plan, {
    architecture,
    yard,
    rehearse: invocation.rehearse,
    leaveStopped: invocation.leaveStopped,
    onVerified: (rootPid) => {
      output.log.info("Verified every task, thread and cgroup");
      writePidfile(invocation, sys, rootPid);
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
