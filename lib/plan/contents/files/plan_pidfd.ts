import type { PidFile } from "../../../model/files/pid_file.ts";
import type { Handle } from "../contents_plan.ts";
import { fileKey, type FilePlanner } from "../file_planner.ts";
import type { StepBase } from "../file_step.ts";

/** pidfd_open(2) of a task or thread of the checkpoint. */
export interface PidfdStep extends StepBase {
  readonly kind: "open-pidfd";
  readonly handle: Handle;
  readonly pid: number;
  readonly flags: number;
}

/** pidfd_open(2) of a process that is made for that, and ended. */
export interface EndedPidfdsStep extends StepBase {
  readonly kind: "open-ended-pidfds";
  readonly files: readonly { readonly handle: Handle; readonly flags: number }[];
}

const LINK = "anon_inode:[pidfd]";
const O_EXCL = 0o200;
/** PIDFD_THREAD */
const OF_THREAD = O_EXCL;

/** All pidfds of a process that has ended are made together. */
export function planPidfd(planner: FilePlanner, file: PidFile, holder: string): Handle | undefined {
  const { id, pid, flags } = file;
  if (pid === undefined) return planEnded(planner, file);
  const isThread = (flags & OF_THREAD) !== 0;
  const { pids, tids } = planner.contents.ids;
  if (!(isThread ? tids : pids).has(pid)) {
    const who = isThread ? "thread" : "process";
    return planner.refuse(holder, `it is a pidfd of ${who} ${pid}, which is not in the checkpoint`);
  }
  const handle = planner.fileHandle(id, { link: LINK, flags, lines: [`NSpid:* ${pid}`] });
  planner.late.push({ kind: "open-pidfd", handle, what: `a pidfd of task ${pid}`, pid, flags });
  return handle;
}

function planEnded(planner: FilePlanner, file: PidFile): Handle | undefined {
  const files = planner.companions.of(file).map(({ id, flags }) => ({
    handle: planner.fileHandle(id, { link: LINK, flags, lines: ["Pid: -1"] }),
    flags,
  }));
  planner.late.push({
    kind: "open-ended-pidfds",
    what: "a pidfd of a process that has ended",
    files,
  });
  return planner.get(fileKey(file.id));
}
