import type { CloseStep, FillPipeStep } from "../../../plan/contents/files/plan_fifo.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { descriptorOf } from "../remote.ts";
import { close, type FilesContext } from "./file_calls.ts";
import { fillPipe } from "./make_pipe.ts";

export function fillFifo(context: FilesContext, { handle, bytes, capacity, what }: FillPipeStep): RemoteCall[] {
  return fillPipe(context, { fd: descriptorOf(context, handle), bytes, capacity, what });
}

export function closeFile(context: FilesContext, { handle }: CloseStep): RemoteCall[] {
  return [close(context, descriptorOf(context, handle))];
}
