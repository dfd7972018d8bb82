import type { InheritStep } from "../../../plan/contents/files/plan_inherited_file.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { duplicate, type FilesContext } from "./file_calls.ts";

/** The coordinator was started with it. */
export function inherit(context: FilesContext, { handle, fd }: InheritStep): RemoteCall[] {
  return [duplicate(context, fd, handle)];
}
