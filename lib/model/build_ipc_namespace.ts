import type { Problem } from "../errors.ts";
import type { IpcDescEntry, IpcSemEntry, IpcShmEntry, IpcVarEntry } from "../gen/ipc.ts";
import type { IpcImages, WithBytes } from "../image/content_images.ts";
import { buildPages } from "./build_pages.ts";
import type { IpcMessage, IpcNamespace, IpcObject, IpcSegment, MessageQueue, SemaphoreSet } from "./namespaces.ts";

/** Permission bits of a mode, and what the kernel adds for shared memory (linux/shm.h). */
const PERMISSIONS = 0o777;
const SHM_DEST = 0o1000;
const SHM_LOCKED = 0o2000;

/** Semaphores of a limit: SEMMSL, SEMMNS, SEMOPM and SEMMNI. */
const SEMAPHORE_LIMITS = 4;
/** Highest value of a semaphore (SEMVMX, linux/sem.h). */
const SEMAPHORE_MAX = 32767;
/** What a sysctl of a next id says when none was chosen: −1. */
const NO_ID = 0xffff_ffff;

/** What an ipc namespace had; `undefined` when its limits could not be read, which has been told. */
export function buildIpcNamespace(images: IpcImages, problems: Problem[]): IpcNamespace | undefined {
  const { variables, number } = images;
  const queues = buildQueues(images, problems);
  const semaphores = images.semaphores.map((entry) => buildSemaphores(entry, `ipcns-sem-${number}.img`, problems));
  const segments = images.segments.map((entry) => buildSegment(entry, images, problems));
  checkIds(segments, `ipcns-shm-${number}.img`, problems);
  checkIds(queues, `ipcns-msg-${number}.img`, problems);
  checkIds(semaphores, `ipcns-sem-${number}.img`, problems);
  if (variables === undefined) return undefined;
  if (variables.semCtls.length !== SEMAPHORE_LIMITS) {
    const what = `it has ${variables.semCtls.length} limits of semaphores, which are ${SEMAPHORE_LIMITS}`;
    problems.push({ where: `ipcns-var-${number}.img`, what });
  }
  return { sysctls: buildSysctls(variables), nextIds: buildNextIds(variables), segments, queues, semaphores };
}

/** `auto_msgmni` has had no effect since Linux 3.19, and is not among them. */
function buildSysctls(entry: IpcVarEntry): Map<string, string> {
  const values: [string, number | bigint | string][] = [
    ["kernel/sem", entry.semCtls.join(" ")],
    ["kernel/msgmax", entry.msgCtlmax],
    ["kernel/msgmnb", entry.msgCtlmnb],
    ["kernel/msgmni", entry.msgCtlmni],
    ["kernel/shmmax", entry.shmCtlmax],
    ["kernel/shmall", entry.shmCtlall],
    ["kernel/shmmni", entry.shmCtlmni],
    ["kernel/shm_rmid_forced", entry.shmRmidForced],
    ...messageQueueValues(entry),
  ];
  return new Map(values.map(([path, value]) => [path, String(value)]));
}

/** Those of mq_overview(7). A kernel without message queues of POSIX has none: then CRIU leaves them 0. */
function messageQueueValues(entry: IpcVarEntry): [string, number][] {
  if (entry.mqMsgMax === 0) return [];
  const { mqMsgDefault, mqMsgsizeDefault } = entry;
  return [
    ["fs/mqueue/queues_max", entry.mqQueuesMax],
    ["fs/mqueue/msg_max", entry.mqMsgMax],
    ["fs/mqueue/msgsize_max", entry.mqMsgsizeMax],
    ...mqMsgDefault === undefined ? [] : [["fs/mqueue/msg_default", mqMsgDefault] satisfies [string, number]],
    ...mqMsgsizeDefault === undefined
      ? []
      : [["fs/mqueue/msgsize_default", mqMsgsizeDefault] satisfies [string, number]],
  ];
}

function buildNextIds({ msgNextId, semNextId, shmNextId }: IpcVarEntry): Map<string, number> {
  const ids = [["msg", msgNextId], ["sem", semNextId], ["shm", shmNextId]] as const;
  return new Map(ids.flatMap(([kind, id]) => (
    id === undefined || id === NO_ID ? [] : [[`kernel/${kind}_next_id`, id] as const]
  )));
}

function buildObject({ id, key, mode, uid, gid, cuid, cgid }: IpcDescEntry): IpcObject {
  return { id, key, mode: mode & PERMISSIONS, uid, gid, creatorUid: cuid, creatorGid: cgid };
}

function buildSegment({ entry, bytes }: WithBytes<IpcShmEntry>, images: IpcImages, problems: Problem[]): IpcSegment {
  const { desc, size, hugetlbFlag, inPagemaps } = entry;
  const pagemap = images.pagemaps.get(desc.id);
  const content: IpcSegment["content"] = inPagemaps === true
    ? { kind: "pages", pages: pagemap === undefined ? [] : buildPages(pagemap, problems) }
    : { kind: "whole", file: images.segmentsFile, offset: bytes.byteOffset };
  return {
    ...buildObject(desc),
    size,
    hugeFlags: hugetlbFlag ?? 0,
    isRemoved: (desc.mode & SHM_DEST) !== 0,
    isLocked: (desc.mode & SHM_LOCKED) !== 0,
    content,
  };
}

function buildQueues({ queues: entries, number }: IpcImages, problems: Problem[]): MessageQueue[] {
  const queues: (MessageQueue & { readonly messages: IpcMessage[]; readonly expected: number })[] = [];
  for (const { entry, bytes } of entries) {
    if (entry.kind === "queue") {
      const { desc, qbytes: capacity, qnum: expected } = entry.queue;
      queues.push({ ...buildObject(desc), capacity, expected, messages: [] });
    } else {
      const { mtype: type, msize } = entry.message;
      queues.at(-1)?.messages.push({ type, bytes: bytes.subarray(0, msize) });
    }
  }
  return queues.map(({ expected, ...queue }) => {
    const where = `ipcns-msg-${number}.img, queue ${queue.id}`;
    const { length } = queue.messages;
    if (length !== expected) problems.push({ where, what: `it has ${length} of its ${expected} messages` });
    const odd = queue.messages.find(({ type }) => type <= 0n || type >= 2n ** 63n);
    if (odd !== undefined) problems.push({ where, what: `a message is of type ${odd.type}, which cannot be` });
    return queue;
  });
}

function buildSemaphores(
  { entry: { desc, nsems }, bytes }: WithBytes<IpcSemEntry>,
  where: string,
  problems: Problem[],
): SemaphoreSet {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = Array.from({ length: nsems }, (_, index) => view.getUint16(2 * index, true));
  const odd = values.find((value) => value > SEMAPHORE_MAX);
  if (odd !== undefined) {
    problems.push({
      where: `${where}, set ${desc.id}`,
      what: `a semaphore is ${odd}, and ${SEMAPHORE_MAX} is the most`,
    });
  }
  return { ...buildObject(desc), values };
}

function checkIds(objects: readonly IpcObject[], where: string, problems: Problem[]): void {
  const seen = new Set<number>();
  for (const { id } of objects) {
    if (seen.has(id)) problems.push({ where, what: `the id ${id} occurs more than once` });
    seen.add(id);
  }
}
