import type { Sysctl } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import { O_RDONLY } from "../../../sys/constants.ts";
import { cString, decodeText } from "../../../text.ts";
import { remoteCall } from "../remote.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import type { Observation } from "./observation.ts";

const AT_FDCWD = -100;
/** More than the value of any sysctl takes. */
const VALUE_SIZE = 128;

/** Looks at a sysctl of the namespaces that the caller is in: its path and its value, of numbers with a space between. */
export function observeSysctl(
  context: NamespacesContext,
  { path }: Pick<Sysctl, "path">,
): Observation<readonly [path: string, value: string]> {
  const output = new Uint8Array(VALUE_SIZE);
  const fd = context.lowest.peek();
  const file = `/proc/sys/${path}`;
  const purpose = { attempt: `Cannot read "${file}"` };
  return {
    calls: [
      remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(file)), O_RDONLY], {
        ...purpose,
        expected: fd,
      }),
      remoteCall(context, "read", [fd, { output }, output.length - 1], purpose),
      remoteCall(context, "close", [fd], purpose),
    ],
    // Where there are several numbers, there are tabs between them.
    read: () => [path, textOf(output).trim().replaceAll("\t", " ")],
  };
}

/** What is before the first NUL. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(end === -1 ? bytes : bytes.subarray(0, end));
}
