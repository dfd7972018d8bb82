import type { TaskContents, ThreadContents } from "../../../plan/contents/contents_plan.ts";
import { cString, encodeText } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";

const AT_FDCWD = -100;
const O_WRONLY = 1;

/**
 * Opens the files through which the threads of a task get their profiles, while the task can still name them: a thread
 * writes its own only, and only what its own memory has opened (`proc_pid_attr_write`, fs/proc/base.c). The task has no
 * descriptor yet, or has them all.
 */
export function openProfiles(
  context: ContentsContext,
  { threads }: TaskContents,
  hostPid: (id: number) => number,
): RemoteCall[] {
  return threads.flatMap(({ tid }) => {
    const fd = context.profiles.get(tid);
    if (fd === undefined) return [];
    const path = `/proc/self/task/${hostPid(tid)}/attr/apparmor/current`;
    const purpose = { attempt: `Cannot open the profile of ${context.nameOf(tid)}` };
    const hints = { ENOENT: "Linux 5.8 or newer is needed" };
    return [
      remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(path)), O_WRONLY], {
        ...purpose,
        hints,
        expected: 0,
      }),
      remoteCall(context, "dup3", [0, fd, 0], purpose),
      remoteCall(context, "close", [0], purpose),
    ];
  });
}

/** Puts a thread under its profile: last, for what it does from then on has to be allowed. */
export function compileProfile(context: ContentsContext, { tid, profile }: ThreadContents, name: string): RemoteCall[] {
  const fd = context.profiles.get(tid);
  if (profile === undefined || fd === undefined) return [];
  const attempt = `Cannot put ${name} under the profile "${profile}" of AppArmor`;
  const hints = {
    ENOENT: "it is not loaded: apparmor_parser does that",
    EACCES: "the profile that cgrestore itself is under does not allow it",
    EPERM: "no_new_privs is set for cgrestore, whose own profile does not allow it",
  };
  const command = encodeText(`changeprofile ${profile}`);
  return [
    remoteCall(context, "write", [fd, command, command.length], { attempt, hints, expected: command.length }),
    remoteCall(context, "close", [fd], { attempt }),
  ];
}
