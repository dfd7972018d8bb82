import type { Handle } from "../../plan/contents/contents_plan.ts";
import type { SessionStep } from "../../plan/contents/terminals_plan.ts";
import { TIOCEXCL, TIOCSCTTY, TIOCSPGRP } from "../../sys/constants.ts";
import { cString } from "../../text.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import type { Tracee } from "../../tracee/tracee.ts";
import { fetch } from "./compile_descriptors.ts";
import { close, duplicate } from "./files/file_calls.ts";
import { type ContentsContext, integers, LowestDescriptors, remoteCall } from "./remote.ts";

const AT_FDCWD = -100;
const O_NOCTTY = 0o400;

/** A session's leader takes a terminal, which the coordinator has; its own descriptors are `taken`. */
export function takeTerminal(
  context: ContentsContext,
  pid: number,
  { handle, taken }: { readonly handle: Handle; readonly taken: readonly number[] },
): RemoteCall[] {
  const fd = new LowestDescriptors(taken).peek();
  return [
    fetch(context, handle, fd),
    remoteCall(context, "ioctl", [fd, TIOCSCTTY, 0], {
      attempt: `Cannot give ${context.nameOf(pid)} its controlling terminal`,
      hints: { EPERM: "the terminal controls another session, which has to end first" },
    }),
    close(context, fd),
  ];
}

/** Who is needed for a step. */
export interface StepActors {
  readonly task: Tracee;
  readonly coordinator: Tracee;
}

/** Does one step; the task has no descriptors but those of the coordinator, and the coordinator none besides. */
export function followSessionStep(
  context: ContentsContext,
  step: SessionStep,
  { task, coordinator }: StepActors,
): void {
  if (step.kind === "set-foreground") return task.run(setForeground(context, step));
  const purpose = { attempt: `Cannot open ${JSON.stringify(step.path)} in ${context.nameOf(step.pid)}` };
  const [theirs, pidfd, ours] = [0, 0, 1];
  task.run([
    remoteCall(context, "openat", [AT_FDCWD, cString(step.path), step.flags | O_NOCTTY], {
      ...purpose,
      hints: { ENXIO: "its session has no controlling terminal" },
      expected: theirs,
    }),
    ...step.isExclusive ? [remoteCall(context, "ioctl", [theirs, TIOCEXCL, 0], purpose)] : [],
  ]);
  coordinator.run([
    remoteCall(context, "pidfd_open", [task.pid, 0], { ...purpose, expected: pidfd }),
    remoteCall(context, "pidfd_getfd", [pidfd, theirs, 0], { ...purpose, expected: ours }),
    duplicate(context, ours, step.handle),
    close(context, ours),
    close(context, pidfd),
  ]);
  task.run([close(context, theirs)]);
}

function setForeground(
  context: ContentsContext,
  { pid, handle, group }: Extract<SessionStep, { readonly kind: "set-foreground" }>,
): RemoteCall[] {
  const fd = 0;
  const attempt = `Cannot put group ${group} into the foreground of the terminal of ${context.nameOf(pid)}`;
  return [
    fetch(context, handle, fd),
    remoteCall(context, "ioctl", [fd, TIOCSPGRP, integers(group)], { attempt }),
    close(context, fd),
  ];
}
