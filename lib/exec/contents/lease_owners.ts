import type { TaskContents } from "../../plan/contents/contents_plan.ts";
import { AT_EMPTY_PATH, STATX_UID } from "../../sys/constants.ts";
import { cString } from "../../text.ts";
import type { RemoteCall } from "../../tracee/remote_call.ts";
import { type ContentsContext, descriptorOf, remoteCall } from "./remote.ts";

/** Of `struct statx`, and where the owner is in it (linux/stat.h). */
const STATX_SIZE = 256;
const STX_UID = 20;

/** What looking for them takes. */
type Task = Pick<TaskContents, "descriptors" | "descriptorActions">;

/**
 * Users of the user namespace who own the files of which a task takes leases, by its descriptors: who has no capability
 * outside may take leases of files of its own only (`vfs_setlease` of fs/locks.c). Elsewhere nobody is looked for.
 *
 * @param run has the coordinator make calls
 */
export function leaseOwners(
  context: ContentsContext,
  task: Task,
  run: (calls: readonly RemoteCall[]) => void,
): Map<number, number> {
  if (!context.isInUserNamespace) return new Map();
  const leased = new Set(task.descriptorActions.flatMap((action) => action.kind === "lease" ? [action.fd] : []));
  const files = task.descriptors?.filter(({ fd }) => leased.has(fd)) ?? [];
  const states = files.map(({ fd, handle }) => ({ fd, handle, output: new Uint8Array(STATX_SIZE) }));
  if (states.length === 0) return new Map();
  run(states.map(({ fd, handle, output }) => (
    remoteCall(context, "statx", [descriptorOf(context, handle), cString(""), AT_EMPTY_PATH, STATX_UID, { output }], {
      attempt: `Cannot look at the file of the lease of descriptor ${fd}`,
    })
  )));
  return new Map(states.map(({ fd, output }) => [fd, new DataView(output.buffer).getUint32(STX_UID, true)]));
}
