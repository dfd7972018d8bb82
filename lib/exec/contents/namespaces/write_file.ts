import { O_WRONLY } from "../../../sys/constants.ts";
import { cString, encodeText } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type Purpose, remoteCall } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";

const AT_FDCWD = -100;

/** Writes a text to a file of the host's /proc, in one piece. */
export function writeFile(
  context: NamespacesContext,
  { path, text, ...purpose }: Omit<Purpose, "expected"> & { readonly path: string; readonly text: string },
): RemoteCall[] {
  const fd = context.lowest.peek();
  const bytes = encodeText(text);
  return [
    remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(path)), O_WRONLY], { ...purpose, expected: fd }),
    remoteCall(context, "write", [fd, bytes, bytes.length], { ...purpose, expected: bytes.length }),
    remoteCall(context, "close", [fd], purpose),
  ];
}
