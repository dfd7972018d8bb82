import type { Handle } from "../../../plan/contents/contents_plan.ts";
import { CLONE_NEWNET, O_RDONLY } from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { create } from "../files/file_calls.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";

const AT_FDCWD = -100;

/** Puts the caller into the net namespace behind a descriptor of its own. */
export function enterNet(context: Pick<ContentsContext, "numbers">, namespace: number): RemoteCall {
  return remoteCall(context, "setns", [namespace, CLONE_NEWNET], {
    attempt: "Cannot enter a net namespace",
    hints: { EPERM: "that needs CAP_SYS_ADMIN" },
  });
}

/** Has the caller keep the net namespace that it is in under a handle. */
export function keepNet(context: NamespacesContext, handle: Handle): RemoteCall[] {
  const path = cString(context.hostPath("/proc/self/ns/net"));
  return create(context, handle, (fd) => [
    remoteCall(context, "openat", [AT_FDCWD, path, O_RDONLY], { attempt: "Cannot keep a net namespace", expected: fd }),
  ]);
}
