import type { UserPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import { AT_FDCWD, O_RDONLY } from "../../../sys/constants.ts";
import { cString } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { remoteCall } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { writeFile } from "./write_file.ts";

/** Opens the files of the checkpoint that nobody in a user namespace could open. */
export function openImages(context: NamespacesContext): RemoteCall[] {
  return [...context.images].flatMap(([path, fd]) => openAs(context, path, fd));
}

/** Sets what nobody in a user namespace could set, for the caller or the process `who`. */
export function setState(context: NamespacesContext, { state }: UserPlan, who: number | "self"): RemoteCall[] {
  return state.flatMap(({ file, value }) => (
    writeFile(context, {
      path: `/proc/${who}/${file}`,
      text: `${value}`,
      attempt: `Cannot write ${value} to the file "${file}"`,
      hints: { EACCES: "that needs CAP_SYS_RESOURCE", EPERM: "that needs CAP_AUDIT_CONTROL" },
    })
  ));
}

/** Opens a file of the checkpoint behind a descriptor. */
function openAs(context: NamespacesContext, path: string, fd: number): RemoteCall[] {
  const lowest = context.lowest.peek();
  const purpose = { attempt: `Cannot open "${path}"` };
  return [
    remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(path)), O_RDONLY], {
      ...purpose,
      expected: lowest,
    }),
    remoteCall(context, "dup3", [lowest, fd, 0], purpose),
    remoteCall(context, "close", [lowest], purpose),
  ];
}
