import { SysError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { SIGCONT, SIGINT, SIGQUIT, SIGSTOP, SIGTTOU, TIOCGPGRP, TIOCSPGRP } from "../sys/constants.ts";
import type { Sys } from "../sys/sys.ts";
import { exitCode, stopped, termSignal } from "../sys/wait_status.ts";

/** A shell's way to say which signal ended a program. */
const SIGNALLED = 128;

/** Tasks that run in cgrestore's own session, as one job of the shell that has started cgrestore. */
export interface Job {
  /** Pid of the root task, a child of cgrestore. */
  readonly root: number;
  /** Whether the root leads a process group; else it is in cgrestore's own. */
  readonly leadsGroup: boolean;
  /** Descriptor of the terminal, when tasks have it and it controls the session. */
  readonly terminal?: number;
}

/** The job that a plan makes of the root with this pid on this host. */
export function describeJob({ expectedTasks, contents }: Plan, root: number): Job {
  const [task] = expectedTasks;
  const leadsGroup = task !== undefined && task.session === undefined && task.group === task.pid;
  const adopted = contents?.terminals.adoptions.find(({ by, foreground }) => (
    typeof by === "number" && foreground !== undefined
  ));
  return { root, leadsGroup, ...typeof adopted?.by === "number" ? { terminal: adopted.by } : {} };
}

/**
 * Waits until the root task has ended, and returns its exit status as a shell tells it: 128 and the signal's number for
 * one that a signal has ended. When the job stops, cgrestore does as well, so that the shell notices; when it is
 * continued, so is the job. Keys are for the job: cgrestore ignores what they send.
 */
export function waitForJob(sys: Sys, job: Job): number {
  sys.releaseSignals();
  for (const signal of [SIGINT, SIGQUIT, SIGTTOU]) sys.ignoreSignal(signal);
  for (;;) {
    const status = sys.waitForJob(job.root);
    if (!stopped(status)) {
      takeBack(sys, job);
      return termSignal(status) === 0 ? exitCode(status) : SIGNALLED + termSignal(status);
    }
    // A stop of our own group has stopped us already.
    if (job.leadsGroup) stopAndContinue(sys, job);
  }
}

function stopAndContinue(sys: Sys, job: Job): void {
  takeBack(sys, job);
  sys.kill(sys.getpid(), SIGSTOP);
  // Somebody has continued us, in the foreground or not.
  const { terminal, root } = job;
  if (terminal !== undefined && foregroundOf(sys, terminal) === ownGroup(sys)) setForeground(sys, terminal, root);
  sys.killGroup(root, SIGCONT);
}

/** Puts cgrestore into the foreground of its terminal, so that the shell finds there what it has put there. */
function takeBack(sys: Sys, { terminal }: Job): void {
  if (terminal !== undefined) setForeground(sys, terminal, ownGroup(sys));
}

function ownGroup(sys: Sys): number {
  return sys.getpgid(sys.getpid());
}

function foregroundOf(sys: Sys, terminal: number): number {
  const answer = new Int32Array(new ArrayBuffer(4));
  sys.ioctl(terminal, TIOCGPGRP, new Uint8Array(answer.buffer));
  return answer[0] ?? 0;
}

/** A terminal that has been hung up, or belongs to another session by now, is nobody's concern any more. */
function setForeground(sys: Sys, terminal: number, group: number): void {
  try {
    sys.ioctl(terminal, TIOCSPGRP, new Uint8Array(Int32Array.of(group).buffer));
  } catch (error) {
    if (!(error instanceof SysError) || !["EIO", "ENOTTY"].includes(error.code)) throw error;
  }
}
