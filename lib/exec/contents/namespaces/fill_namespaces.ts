import type { UtsNamespace } from "../../../model/namespaces.ts";
import type { IpcPlan, NamespacesPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import { encodeText } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";
import { makeQueue, makeSegment, makeSemaphores, removeSegment } from "./ipc_objects.ts";
import { type KeptNamespaces, makeMounts, NO_MOUNTS, type OpenedMounts } from "./make_mounts.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { writeSysctl } from "./write_sysctl.ts";

/**
 * Gives the namespaces that the caller is in what they had. The caller becomes the creator of what has none; it has
 * those mounts that are `opened`, and gets descriptors of the mount namespaces where there are several.
 */
export function fillNamespaces(
  context: NamespacesContext,
  { mounts, uts, ipc }: NamespacesPlan,
  opened: OpenedMounts = NO_MOUNTS,
): { readonly calls: RemoteCall[]; readonly kept: KeptNamespaces } {
  const made = mounts === undefined ? { calls: [], kept: [] } : makeMounts(context, mounts, opened);
  return {
    calls: [
      ...made.calls,
      ...uts === undefined ? [] : setNames(context, uts),
      ...ipc === undefined ? [] : fillIpcNamespace(context, ipc),
    ],
    kept: made.kept,
  };
}

/** Has the segments go that are to go with their last user; all who are to have them attached have that. */
export function removeSegments(context: Pick<ContentsContext, "numbers">, { ipc }: NamespacesPlan): RemoteCall[] {
  return ipc?.removed.map((id) => removeSegment(context, id)) ?? [];
}

function setNames(context: NamespacesContext, { hostName, domainName }: UtsNamespace): RemoteCall[] {
  return ([["sethostname", hostName], ["setdomainname", domainName]] as const).map(([call, name]) => {
    const bytes = encodeText(name);
    const hints = { EPERM: "that needs CAP_SYS_ADMIN" };
    return remoteCall(context, call, [bytes, bytes.length], { attempt: `Cannot call the host "${name}"`, hints });
  });
}

function fillIpcNamespace(context: NamespacesContext, ipc: IpcPlan): RemoteCall[] {
  return [
    ...ipc.raised.flatMap((sysctl) => writeSysctl(context, sysctl)),
    ...ipc.segments.flatMap((step) => makeSegment(context, step)),
    ...ipc.queues.flatMap((queue) => makeQueue(context, queue)),
    ...ipc.semaphores.flatMap((set) => makeSemaphores(context, set)),
    ...ipc.keepsLimits === true ? [] : ipc.sysctls.flatMap((sysctl) => writeSysctl(context, sysctl)),
  ];
}
