import type { Sysctl } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { writeFile } from "./write_file.ts";

/** Sets a sysctl of the namespaces that the caller is in. */
export function writeSysctl(context: NamespacesContext, { path, value }: Sysctl): RemoteCall[] {
  return writeFile(context, {
    path: `/proc/sys/${path}`,
    text: value,
    attempt: `Cannot set the sysctl ${path.replaceAll("/", ".")} to ${value}`,
    hints: { EINVAL: "this kernel does not take the value", EACCES: "that needs CAP_CHECKPOINT_RESTORE" },
  });
}
