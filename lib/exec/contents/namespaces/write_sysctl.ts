import type { Sysctl } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { writeFile } from "./write_file.ts";

/** Sets a sysctl of the namespaces that the caller is in. */
export function writeSysctl(context: NamespacesContext, { path, value }: Sysctl): RemoteCall[] {
  const capability = path.startsWith("net/") ? "CAP_NET_ADMIN" : "CAP_CHECKPOINT_RESTORE";
  return writeFile(context, {
    path: `/proc/sys/${path}`,
    text: value,
    attempt: `Cannot set the sysctl ${path.replaceAll("/", ".")} to ${value}`,
    hints: {
      EINVAL: "this kernel does not take the value",
      EACCES: `that needs ${capability}`,
      EROFS: "/proc/sys is mounted read-only",
    },
  });
}
