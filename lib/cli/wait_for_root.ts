import { SysError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { SIGCONT, SIGQUIT, SIGSTOP, SIGTTOU, TIOCGPGRP, TIOCSPGRP } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import { exitCode, exited, stopped, termSignal } from "../sys/wait_status.ts";

/** What waiting for the root task has to know of it. */
export interface Job {
  /** Pid of the root task, a child of ours. */
  readonly root: number;
  /** Whether it leads a process group in our own session, as a job of the shell that has started us. */
  readonly leadsGroup: boolean;
  /** Descriptor of the terminal that the tasks have from us, when it controls our session. */
  readonly terminal?: number;
}

/** What a plan makes of the root task with this pid on this host. */
export function describeJob({ expectedTasks, contents }: Plan, root: number): Job {
  const [task] = expectedTasks;
  const leadsGroup = task !== undefined && task.session === undefined && task.group === task.pid;
  const own = contents?.terminals.adoptions.find(({ foreground }) => foreground !== undefined);
  return { root, leadsGroup, ...typeof own?.by === "number" ? { terminal: own.by } : {} };
}

/**
 * Waits until the root task, a child of ours, has ended; signals that ask us for an end go on to it. When a job of our
 * shell stops, so do we, for the shell to notice; when we are continued, so is the job.
 *
 * @returns its exit status, or 128 and the signal that ended it
 */
export function waitForRoot(sys: Sys, job: Job): number {
  // Keys may be for both of us, and the terminal is the job's.
  if (job.leadsGroup || job.terminal !== undefined) {
    for (const signal of [SIGQUIT, SIGTTOU]) {
      sys.ignoreSignal(signal);
    }
  }
  for (;;) {
    const signal = sys.takeSignal();
    if (signal !== 0) forward(sys, job.root, signal);
    try {
      const status = sys.wait(job.root, Infinity, { stops: job.leadsGroup })?.status;
      if (status === undefined) continue;
      if (stopped(status)) stopAndContinue(sys, job);
      else return endOf(sys, job, status);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== "EINTR") throw error;
    }
  }
}

function endOf(sys: Sys, job: Job, status: number): number {
  takeTerminalBack(sys, job);
  return exited(status) ? exitCode(status) : 128 + termSignal(status);
}

/** In our own process group, the task has got it already, when it was typed at the terminal. */
function forward(sys: Sys, root: number, signal: number): void {
  try {
    if (sys.getpgid(root) !== sys.getpgid(0)) sys.kill(root, signal);
  } catch (error) {
    // It has just ended, which the next wait tells.
    if (!(error instanceof SysError) || error.code !== "ESRCH") throw error;
  }
}

function stopAndContinue(sys: Sys, job: Job): void {
  takeTerminalBack(sys, job);
  sys.kill(sys.getpid(), SIGSTOP);
  // Somebody has continued us, in the foreground or not.
  const { terminal, root } = job;
  if (terminal !== undefined && foregroundOf(sys, terminal) === sys.getpgid(0)) setForeground(sys, terminal, root);
  sys.killGroup(root, SIGCONT);
}

/** Puts us into the foreground of our terminal, where the shell has put us. */
function takeTerminalBack(sys: Sys, { terminal }: Job): void {
  if (terminal !== undefined) setForeground(sys, terminal, sys.getpgid(0));
}

function foregroundOf(sys: Sys, terminal: number): number {
  const answer = new Int32Array(new ArrayBuffer(4));
  sys.ioctl(terminal, TIOCGPGRP, new Uint8Array(answer.buffer));
  return answer[0] ?? 0;
}

/** A terminal that has been hung up, or controls another session by now, is nobody's concern any more. */
function setForeground(sys: Sys, terminal: number, group: number): void {
  try {
    sys.ioctl(terminal, TIOCSPGRP, new Uint8Array(Int32Array.of(group).buffer));
  } catch (error) {
    if (!(error instanceof SysError) || !["EIO", "ENOTTY"].includes(error.code)) throw error;
  }
}
