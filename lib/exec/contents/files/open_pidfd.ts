import type { EndedPidfdsStep, PidfdStep } from "../../../plan/contents/files/plan_pidfd.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext } from "./file_calls.ts";

/** PIDFD_NONBLOCK and PIDFD_THREAD are O_NONBLOCK and O_EXCL. */
const OPENING = 0o4000 | 0o200;

export function openPidfd(context: FilesContext, { handle, pid, flags, what }: PidfdStep): RemoteCall[] {
  return open(context, context.pidOf(pid), { handle, flags, what });
}

/** The process ends after that, and what is left of it is a pid that no other process gets while it is referred to. */
export function openEndedPidfds(context: FilesContext, { files, what }: EndedPidfdsStep): RemoteCall[] {
  const pid = context.makeProcess();
  return files.flatMap((file) => open(context, pid, { ...file, what }));
}

function open(
  context: FilesContext,
  pid: number,
  { handle, flags, what }: Pick<PidfdStep, "handle" | "flags" | "what">,
): RemoteCall[] {
  return create(context, handle, (fd) => [
    remoteCall(context, "pidfd_open", [pid, flags & OPENING], {
      attempt: `Cannot open ${what}`,
      hints: { EINVAL: "Linux 5.10 or newer is needed, or for a thread Linux 6.9" },
      expected: fd,
    }),
  ]);
}
