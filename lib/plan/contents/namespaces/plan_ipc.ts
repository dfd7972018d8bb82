import type { IpcNamespace, IpcObject, IpcSegment } from "../../../model/namespaces.ts";
import type { FillStep } from "../contents_plan.ts";
import { MAX_BYTES, planFills } from "../plan_memory.ts";
import { keepsLimits } from "./ipc_limits.ts";
import type { IpcCreator, IpcPlan, SegmentStep, Sysctl } from "./namespaces_plan.ts";
import type { NamespaceQuestions } from "./plan_namespaces.ts";

/** As many and as large as every kernel takes: ids have 15 bits for the object (`IPCMNI`, linux/ipc_namespace.h). */
const MOST_OBJECTS = 32768;
const LARGEST = 2 ** 31 - 1;

/** The limits of a new namespace for the size of segments are as high as can be. */
const HIGHEST_LIMITS: Readonly<Record<"segments" | "queues" | "semaphores", readonly Sysctl[]>> = {
  segments: [{ path: "kernel/shmmni", value: `${MOST_OBJECTS}` }],
  queues: [
    { path: "kernel/msgmni", value: `${MOST_OBJECTS}` },
    { path: "kernel/msgmax", value: `${LARGEST}` },
    // The capacity of a new queue.
    { path: "kernel/msgmnb", value: `${LARGEST}` },
  ],
  semaphores: [{ path: "kernel/sem", value: `${LARGEST} ${LARGEST} 500 ${MOST_OBJECTS}` }],
};

/** Sysctls by which the ids of objects are chosen. */
const NEXT_IDS = {
  segments: "kernel/shm_next_id",
  queues: "kernel/msg_next_id",
  semaphores: "kernel/sem_next_id",
} as const;

const KINDS = ["segments", "queues", "semaphores"] as const;

/** Below /proc/sys: message queues of POSIX, which a kernel may lack. */
const MESSAGE_QUEUES = "fs/mqueue/";

/** Plans what an ipc namespace gets. */
export function planIpc(ipc: IpcNamespace, questions: NamespaceQuestions): IpcPlan {
  const creatorOf = (object: IpcObject) => planCreator(object, questions);
  const used = KINDS.filter((kind) => ipc[kind].length > 0);
  return {
    raised: used.flatMap((kind) => HIGHEST_LIMITS[kind]),
    segments: ipc.segments.map((segment) => ({
      ...segment,
      ...creatorOf(segment),
      ...planContent(segment, questions),
    })),
    queues: ipc.queues.map((queue) => ({ ...queue, ...creatorOf(queue) })),
    semaphores: ipc.semaphores.map((set) => ({ ...set, ...creatorOf(set) })),
    sysctls: planSysctls(ipc, questions),
    ...keepsLimits(questions) ? { keepsLimits: true } : {},
    removed: ipc.segments.filter(({ isRemoved }) => isRemoved).map(({ id }) => id),
  };
}

/** The files of the sysctls that are needed. */
export function sysctlFiles(ipc: IpcNamespace): string[] {
  return pathsOf(ipc).map(fileOf);
}

function pathsOf(ipc: IpcNamespace): string[] {
  const chosen = KINDS.filter((kind) => ipc[kind].length > 0).map((kind) => NEXT_IDS[kind]);
  return [...new Set([...ipc.sysctls.keys(), ...ipc.nextIds.keys(), ...chosen])];
}

function fileOf(path: string): string {
  return `/proc/sys/${path}`;
}

function planSysctls(ipc: IpcNamespace, { host, problems, notes }: NamespaceQuestions): Sysctl[] {
  const missing = new Set(pathsOf(ipc).filter((path) => !host.files.has(fileOf(path))));
  for (const path of missing) {
    if (path.startsWith(MESSAGE_QUEUES)) continue;
    const hint = path.endsWith("_next_id") ? ": the kernel was made without CONFIG_CHECKPOINT_RESTORE" : "";
    problems.push({ where: "ipc namespace", what: `"${fileOf(path)}" is missing${hint}` });
  }
  if ([...missing].some((path) => path.startsWith(MESSAGE_QUEUES))) {
    notes.push("This kernel has no message queues of POSIX: their limits are not restored");
  }
  // A next id is forgotten when an object is made, so it is chosen behind all of them.
  return [...ipc.sysctls, ...ipc.nextIds].filter(([path]) => !missing.has(path))
    .map(([path, value]) => ({ path, value: String(value) }));
}

function planCreator({ creatorUid, creatorGid }: IpcObject, { host }: NamespaceQuestions): { creator?: IpcCreator } {
  const own = { uid: host.own.uids[1], gid: host.own.gids[1] };
  if (creatorUid === own.uid && creatorGid === own.gid) return {};
  return { creator: { uid: creatorUid, gid: creatorGid, own } };
}

function planContent(
  { size, content }: IpcSegment,
  { scratch }: NamespaceQuestions,
): Pick<SegmentStep, "scratch" | "fills"> {
  if (content.kind === "pages") {
    return { scratch, fills: planFills(content.pages.map((run) => ({ ...run, address: run.address + scratch }))) };
  }
  const fills: FillStep[] = [];
  for (let done = 0; done < size; done += MAX_BYTES) {
    const ranges = [scratch + done, Math.min(MAX_BYTES, size - done)];
    fills.push({ kind: "fill", file: content.file, offset: content.offset + done, ranges });
  }
  return { scratch, fills };
}
