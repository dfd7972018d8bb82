import { cString, encodeText } from "../../../text.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, remoteCall } from "../remote.ts";

const AT_FDCWD = -100;
const O_WRONLY = 1;

/** The task has no descriptor yet, or has them all: the file is the lowest that is free, and closed again. */
export function writeProcFile(
  context: ContentsContext,
  { file, value, name }: { readonly file: string; readonly value: number | undefined; readonly name: string },
): RemoteCall[] {
  if (value === undefined) return [];
  const purpose = { attempt: `Cannot write ${value} to the file "${file}" of ${name}` };
  const text = encodeText(String(value));
  return [
    remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(`/proc/self/${file}`)), O_WRONLY], {
      ...purpose,
      expected: 0,
    }),
    remoteCall(context, "write", [0, text, text.length], purpose),
    remoteCall(context, "close", [0], purpose),
  ];
}
