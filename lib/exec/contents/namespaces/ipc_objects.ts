import type { IpcObject, MessageQueue, SemaphoreSet } from "../../../model/namespaces.ts";
import type { IpcCreator, Made, SegmentStep } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { RemoteCall } from "../../../tracee/remote_call.ts";
import { fillPages } from "../fill_pages.ts";
import { openImage } from "../open_image.ts";
import { type ContentsContext, type Purpose, remoteCall, words } from "../remote.ts";
import {
  describeOwner,
  IPC_RMID,
  IPC_SET,
  MSG_QBYTES,
  MSQID_SIZE,
  SEMID_SIZE,
  SETALL,
  SHM_LOCK,
  SHMID_SIZE,
} from "./ipc_structures.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { writeSysctl } from "./write_sysctl.ts";
import { PR_SET_DUMPABLE } from "../../../sys/constants.ts";

const IPC_CREAT = 0o1000;
const IPC_EXCL = 0o2000;
const IPC_NOWAIT = 0o4000;
/** For setresuid(2) and setresgid(2): as it is. */
const SAME = -1;

/** Makes a segment, with its content. */
export function makeSegment(context: NamespacesContext, step: SegmentStep): RemoteCall[] {
  const { id, key, size, mode, hugeFlags, isLocked } = step;
  const purpose: Purpose = {
    attempt: `Cannot make the System V shared memory ${id} of ${size} bytes`,
    hints: { ENOMEM: "there is too little memory, or too few huge pages: see the sysctl vm.nr_hugepages" },
  };
  return [
    ...choose(context, "shm", id),
    ...asCreator(context, step, purpose, [
      remoteCall(context, "shmget", [key, size, mode | hugeFlags | IPC_CREAT | IPC_EXCL], { ...purpose, expected: id }),
    ]),
    ...fillSegment(context, step, purpose),
    ...isLocked ? [remoteCall(context, "shmctl", [id, SHM_LOCK, 0], purpose)] : [],
    remoteCall(context, "shmctl", [id, IPC_SET, describeOwner(step, SHMID_SIZE)], purpose),
  ];
}

function fillSegment(context: NamespacesContext, { id, scratch, fills }: SegmentStep, purpose: Purpose): RemoteCall[] {
  if (fills.length === 0) return [];
  const fd = context.lowest.peek();
  const files = [...new Set(fills.map(({ file }) => file))];
  return [
    remoteCall(context, "shmat", [id, scratch, 0], { ...purpose, expected: scratch }),
    ...files.flatMap((file) => [
      openImage(context, file, { attempt: `Cannot open the pages "${file}"`, expected: fd }),
      ...fills.filter((fill) => fill.file === file).map((fill) =>
        fillPages(context, fill, { fd, what: `segment ${id}` })
      ),
      remoteCall(context, "close", [fd], purpose),
    ]),
    remoteCall(context, "shmdt", [scratch], purpose),
  ];
}

export function removeSegment(context: Pick<ContentsContext, "numbers">, id: number): RemoteCall {
  return remoteCall(context, "shmctl", [id, IPC_RMID, 0], {
    attempt: `Cannot remove the System V shared memory ${id}`,
  });
}

/** Makes a queue, with its messages: its capacity is only set behind them, which may be more than that. */
export function makeQueue(context: NamespacesContext, queue: Made<MessageQueue>): RemoteCall[] {
  const { id, key, mode, capacity, messages } = queue;
  const purpose: Purpose = {
    attempt: `Cannot make the message queue ${id}`,
    hints: { EPERM: "its capacity needs CAP_SYS_RESOURCE" },
  };
  const state = describeOwner(queue, MSQID_SIZE);
  new DataView(state.buffer).setBigUint64(MSG_QBYTES, BigInt(capacity), true);
  return [
    ...choose(context, "msg", id),
    ...asCreator(context, queue, purpose, [
      remoteCall(context, "msgget", [key, mode | IPC_CREAT | IPC_EXCL], { ...purpose, expected: id }),
    ]),
    ...messages.map(({ type, bytes }) => {
      const message = new Uint8Array(8 + bytes.length);
      message.set(words(type));
      message.set(bytes, 8);
      return remoteCall(context, "msgsnd", [id, message, bytes.length, IPC_NOWAIT], {
        attempt: `Cannot put a message of ${bytes.length} bytes into the message queue ${id}`,
      });
    }),
    remoteCall(context, "msgctl", [id, IPC_SET, state], purpose),
  ];
}

/** Makes a set of semaphores, with their values. */
export function makeSemaphores(context: NamespacesContext, set: Made<SemaphoreSet>): RemoteCall[] {
  const { id, key, mode, values } = set;
  const purpose = { attempt: `Cannot make the set ${id} of ${values.length} semaphores` };
  const all = new Uint8Array(Uint16Array.from(values).buffer);
  return [
    ...choose(context, "sem", id),
    ...asCreator(context, set, purpose, [
      remoteCall(context, "semget", [key, values.length, mode | IPC_CREAT | IPC_EXCL], { ...purpose, expected: id }),
    ]),
    remoteCall(context, "semctl", [id, 0, SETALL, all], purpose),
    remoteCall(context, "semctl", [id, 0, IPC_SET, describeOwner(set, SEMID_SIZE)], purpose),
  ];
}

/** Has the next object of a kind get an id. */
function choose(context: NamespacesContext, kind: "shm" | "msg" | "sem", id: IpcObject["id"]): RemoteCall[] {
  return writeSysctl(context, { path: `kernel/${kind}_next_id`, value: `${id}` });
}

/** Makes calls as the creator of an object; a change of the uid takes dumpability away, which others would inherit. */
function asCreator(
  context: NamespacesContext,
  { creator }: { readonly creator?: IpcCreator },
  purpose: Purpose,
  calls: readonly RemoteCall[],
): RemoteCall[] {
  if (creator === undefined) return [...calls];
  const { uid, gid, own } = creator;
  return [
    remoteCall(context, "setresgid", [SAME, gid, SAME], purpose),
    remoteCall(context, "setresuid", [SAME, uid, SAME], purpose),
    ...calls,
    remoteCall(context, "setresuid", [SAME, own.uid, SAME], purpose),
    remoteCall(context, "setresgid", [SAME, own.gid, SAME], purpose),
    remoteCall(context, "prctl", [PR_SET_DUMPABLE, 1, 0, 0, 0], purpose),
  ];
}
