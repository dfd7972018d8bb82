import type { Watched } from "../../../plan/contents/files/plan_watched.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import type { Handle } from "../../../plan/contents/contents_plan.ts";
import { type ContentsContext, descriptorOf, type LowestDescriptors, type Purpose, remoteCall } from "../remote.ts";

/** What making files in the coordinator has to know. */
export interface FilesContext extends ContentsContext {
  /** The coordinator's lowest descriptors. */
  readonly lowest: LowestDescriptors;
  /** An address at which the coordinator can map things for a while. */
  readonly scratch: number;
  /** The time of a clock, in nanoseconds. */
  readonly now: (clock: number) => bigint;
  /** Of cgrestore itself, as the coordinator sees it. */
  readonly ownPid: number;
  /** Pid, as the coordinator sees it, of a task or thread of the plan. */
  readonly pidOf: (id: number) => number;
  /** The same for a process group. */
  readonly groupOf: (id: number) => number;
  /** Makes a process that is ended when the calls have been made; returns its pid. */
  readonly makeProcess: () => number;
}

/** What it takes to get a file to its own number. */
type MoveContext = Pick<FilesContext, "numbers" | "base" | "lowest">;

/** Makes a file at the lowest descriptor, and moves it to its own. */
export function create(context: MoveContext, handle: number, make: (fd: number) => RemoteCall[]): RemoteCall[] {
  const { lowest } = context;
  const fd = lowest.take();
  const calls = [...make(fd), ...move(context, fd, handle)];
  lowest.release(fd);
  return calls;
}

/** Duplicates a descriptor to its own number, and closes it. */
export function move(context: MoveContext, fd: number, handle: number): RemoteCall[] {
  return [duplicate(context, fd, handle), close(context, fd)];
}

export function duplicate(context: Pick<ContentsContext, "numbers" | "base">, fd: number, handle: number): RemoteCall {
  const hints = { EBADF: "the limit of open files is too low: raise it, ulimit -n" };
  return remoteCall(context, "dup3", [fd, descriptorOf(context, handle), 0], {
    attempt: "Cannot keep an open file for the tasks",
    hints,
  });
}

/** Gets files of another process for the coordinator, who knows that by `pid`. */
export function takeFrom(
  context: MoveContext,
  pid: number,
  files: readonly (readonly [fd: number, Handle])[],
): RemoteCall[] {
  const { lowest } = context;
  const purpose: Purpose = {
    attempt: "Cannot get an open file from a task",
    hints: { EPERM: "that needs CAP_SYS_PTRACE", ENOSYS: "Linux 5.6 or newer is needed" },
  };
  const task = lowest.take();
  const calls = [
    remoteCall(context, "pidfd_open", [pid, 0], { ...purpose, expected: task }),
    ...files.flatMap(([fd, handle]) => (
      create(context, handle, (taken) => [
        remoteCall(context, "pidfd_getfd", [task, fd, 0], { ...purpose, expected: taken }),
      ])
    )),
    close(context, task),
  ];
  lowest.release(task);
  return calls;
}

const F_SETFL = 4;
/** O_APPEND, O_NONBLOCK, O_DIRECT and O_NOATIME (fcntl(2)). */
const SETTABLE = 0o2000 | 0o4000 | 0o40000 | 0o1000000;

/** Gives a file that was made without any flags those that it had. */
export function setFlags(context: FilesContext, fd: number, flags: number): RemoteCall[] {
  const wanted = flags & SETTABLE;
  if (wanted === 0) return [];
  return [remoteCall(context, "fcntl", [fd, F_SETFL, wanted], { attempt: "Cannot set the flags of an open file" })];
}

export function close(context: Pick<ContentsContext, "numbers">, fd: number): RemoteCall {
  return remoteCall(context, "close", [fd], { attempt: "Cannot close a file" });
}

/** The link of /proc to a file leads to the file itself, even where that is a symbolic link or has no name. */
export function watchedPath(context: FilesContext, target: Watched["target"]): string {
  return typeof target === "string" ? target : context.hostPath(`/proc/self/fd/${descriptorOf(context, target)}`);
}
