import type { NamespaceStep } from "../../../plan/contents/files/plan_namespace.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { create, type FilesContext } from "./file_calls.ts";
import { openFile } from "./open_path.ts";

export function openNamespace(context: FilesContext, { handle, of, pid, flags }: NamespaceStep): RemoteCall[] {
  const path = `/proc/${pid === undefined ? context.ownPid : context.pidOf(pid)}/ns/${of}`;
  return create(context, handle, (fd) => [openFile(context, context.hostPath(path), { flags, fd })]);
}
