import type { EpollStep } from "../../../plan/contents/files/plan_epoll.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import { create, type FilesContext, setFlags } from "./file_calls.ts";

export function makeEpoll(context: FilesContext, { handle, flags, what }: EpollStep): RemoteCall[] {
  return create(context, handle, (fd) => [
    remoteCall(context, "epoll_create1", [0], { attempt: `Cannot make ${what}`, expected: fd }),
    ...setFlags(context, fd, flags),
  ]);
}
