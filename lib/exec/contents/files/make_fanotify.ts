import type { AddMarkStep, FanotifyStep } from "../../../plan/contents/files/plan_fanotify.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall } from "../remote.ts";
import { create, type FilesContext, watchedPath } from "./file_calls.ts";

const AT_FDCWD = -100;
const F_SETFL = 4;
const FAN_MARK_ADD = 1;

export function makeFanotify(context: FilesContext, step: FanotifyStep): RemoteCall[] {
  const { handle, groupFlags, eventFlags, flags, what } = step;
  const purpose = {
    attempt: `Cannot make ${what}`,
    hints: {
      EPERM: "that needs CAP_SYS_ADMIN",
      ENOSYS: "this kernel has no fanotify",
      EINVAL: "this kernel does not know all of its flags",
      EMFILE: "see the sysctl fs.fanotify.max_user_groups",
    },
  };
  return create(context, handle, (fd) => [
    remoteCall(context, "fanotify_init", [groupFlags, eventFlags], { ...purpose, expected: fd }),
    // It has been made with some of them, which may be others than it had in the end.
    remoteCall(context, "fcntl", [fd, F_SETFL, flags], purpose),
  ]);
}

export function addMark(context: FilesContext, { handle, flags, mask, target, what }: AddMarkStep): RemoteCall[] {
  const path = cString(watchedPath(context, target));
  const args = [descriptorOf(context, handle), FAN_MARK_ADD | flags, mask, AT_FDCWD, path];
  return [remoteCall(context, "fanotify_mark", args, {
    attempt: `Cannot add ${what}`,
    hints: {
      ENOSPC: "see the sysctl fs.fanotify.max_user_marks",
      EINVAL: "this kernel does not know all of its events",
    },
  })];
}
