import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { type ContentsContext, descriptorOf, type LowestDescriptors, remoteCall } from "../remote.ts";

/** What making files in the coordinator has to know. */
export interface FilesContext extends ContentsContext {
  /** The coordinator's lowest descriptors. */
  readonly lowest: LowestDescriptors;
  /** An address at which the coordinator can map things for a while. */
  readonly scratch: number;
}

/** Makes a file at the lowest descriptor, and moves it to its own. */
export function create(context: FilesContext, handle: number, make: (fd: number) => RemoteCall[]): RemoteCall[] {
  const { lowest } = context;
  const fd = lowest.take();
  const calls = [...make(fd), ...move(context, fd, handle)];
  lowest.release(fd);
  return calls;
}

/** Duplicates a descriptor to its own number, and closes it. */
export function move(context: FilesContext, fd: number, handle: number): RemoteCall[] {
  return [duplicate(context, fd, handle), close(context, fd)];
}

export function duplicate(context: ContentsContext, fd: number, handle: number): RemoteCall {
  const hints = { EBADF: "the limit of open files is too low: raise it, ulimit -n" };
  return remoteCall(context, "dup3", [fd, descriptorOf(context, handle), 0], {
    attempt: "Cannot keep an open file for the tasks",
    hints,
  });
}

export function close(context: ContentsContext, fd: number): RemoteCall {
  return remoteCall(context, "close", [fd], { attempt: "Cannot close a file" });
}
