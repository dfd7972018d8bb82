import { AT_FDCWD, O_RDONLY } from "../../sys/constants.ts";
import { cString } from "../../text.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, type Purpose, remoteCall } from "./remote.ts";

/** What opening files of the checkpoint has to know. */
export type ImageContext = Pick<ContentsContext, "numbers" | "hostPath" | "base" | "images">;

/** Opens a file of the checkpoint: its position is not the caller's own where only the coordinator could open it. */
export function openImage(
  context: ImageContext,
  path: string,
  purpose: Purpose & { readonly expected: number },
): RemoteCall {
  const opened = context.images.get(path);
  return opened === undefined
    ? remoteCall(context, "openat", [AT_FDCWD, cString(context.hostPath(path)), O_RDONLY], purpose)
    : remoteCall(context, "pidfd_getfd", [context.base, opened, 0], purpose);
}
