import type { IpcNamespace } from "../../../model/namespaces.ts";
import { isAtLeast } from "../kernel_version.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";

/** First kernel in which the owner of an ipc namespace may set its limits (`ipc_set_ownership`, ipc/ipc_sysctl.c). */
const OWNED = [6, 9] as const;

/**
 * Limits that every new ipc namespace has, whatever those of others are: below /proc/sys (linux/sem.h, linux/msg.h and
 * linux/shm.h of include/uapi, linux/ipc_namespace.h; as they are since Linux 3.19).
 */
const NEW_LIMITS: ReadonlyMap<string, string> = new Map([
  ["kernel/sem", "32000 1024000000 500 32000"],
  ["kernel/msgmax", "8192"],
  ["kernel/msgmnb", "16384"],
  ["kernel/msgmni", "32000"],
  ["kernel/shmmax", "18446744073692774399"],
  ["kernel/shmall", "18446744073692774399"],
  ["kernel/shmmni", "4096"],
  ["kernel/shm_rmid_forced", "0"],
  ["fs/mqueue/queues_max", "256"],
  ["fs/mqueue/msg_max", "10"],
  ["fs/mqueue/msgsize_max", "8192"],
  ["fs/mqueue/msg_default", "10"],
  ["fs/mqueue/msgsize_default", "8192"],
]);

/** Whether an ipc namespace has to keep the limits that it is made with: it is owned by a user namespace. */
export function keepsLimits({ contents: { user }, host }: Pick<NamespaceQuestions, "contents" | "host">): boolean {
  return user !== undefined && !isAtLeast(host.kernel, OWNED);
}

/** What cannot be restored of an ipc namespace that keeps its limits. */
export function problemsOfLimits({ sysctls, nextIds, segments, queues, semaphores }: IpcNamespace): string[] {
  const needed = "Linux 6.9 or newer is needed";
  const others = [...sysctls].filter(([path, value]) => NEW_LIMITS.get(path) !== value);
  const hasObjects = nextIds.size + segments.length + queues.length + semaphores.length > 0;
  return [
    ...others.map(([path, value]) => `${needed} to set the sysctl ${path.replaceAll("/", ".")} to ${value} in it`),
    ...hasObjects ? [`${needed} for the System V objects in it`] : [],
  ];
}
