import type { AddWatchStep, InotifyStep } from "../../../plan/contents/files/plan_inotify.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf, remoteCall } from "../remote.ts";
import { create, type FilesContext, setFlags, watchedPath } from "./file_calls.ts";

const INOTIFY_IOC_SETNEXTWD = 0x4004_4900;

export function makeInotify(context: FilesContext, { handle, flags, what }: InotifyStep): RemoteCall[] {
  const hints = { EMFILE: "see the sysctl fs.inotify.max_user_instances" };
  return create(context, handle, (fd) => [
    remoteCall(context, "inotify_init1", [0], { attempt: `Cannot make ${what}`, hints, expected: fd }),
    ...setFlags(context, fd, flags),
  ]);
}

export function addWatch(context: FilesContext, { handle, number, mask, target, what }: AddWatchStep): RemoteCall[] {
  const fd = descriptorOf(context, handle);
  const attempt = `Cannot add ${what}`;
  return [
    remoteCall(context, "ioctl", [fd, INOTIFY_IOC_SETNEXTWD, number], {
      attempt,
      hints: { ENOTTY: "Linux 4.16 or newer is needed, with CONFIG_CHECKPOINT_RESTORE" },
    }),
    remoteCall(context, "inotify_add_watch", [fd, cString(watchedPath(context, target)), mask], {
      attempt,
      hints: {
        ENOSPC: "see the sysctl fs.inotify.max_user_watches",
        EPROTO: "another watch is of the same file here",
        ENOENT: "it has gone since the plan was made",
      },
      expected: number,
    }),
  ];
}
