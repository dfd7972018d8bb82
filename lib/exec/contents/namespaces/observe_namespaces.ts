import type { IpcObject, UtsNamespace } from "../../../model/namespaces.ts";
import type { IpcPlan, NamespacesPlan } from "../../../plan/contents/namespaces/namespaces_plan.ts";
import type { ObservedNamespaces } from "../../../verify/contents/verify_namespaces.ts";
import { type Purpose, remoteCall } from "../remote.ts";
import {
  decodeObject,
  GETALL,
  IPC_STAT,
  MSG_QBYTES,
  MSG_QNUM,
  MSQID_SIZE,
  SEMID_SIZE,
  SHM_LOCKED,
  SHM_SEGSZ,
  SHMID_SIZE,
  shmMode,
} from "./ipc_structures.ts";
import type { NamespacesContext } from "./make_namespaces.ts";
import { observeNets } from "./net_contents.ts";
import type { Observation } from "./observation.ts";
import { observeSysctl, textOf } from "./observe_sysctl.ts";

/** `struct new_utsname` (linux/utsname.h): six names of 64 bytes with a NUL, of which these are the second and sixth. */
const NAME_SIZE = 65;
const NODE_NAME = 1;
const DOMAIN_NAME = 5;
const NAMES = 6;

/** Looks at the namespaces that the caller is in, as far as the plan says something of them. */
export function observeNamespaces(
  context: NamespacesContext,
  plan: NamespacesPlan,
): Observation<Omit<ObservedNamespaces, "links" | "mountLinks" | "netLinks">> {
  const { uts, ipc } = plan;
  const names = uts === undefined ? undefined : observeNames(context);
  const nets = observeNets(context, plan);
  const sysctls = ipc?.sysctls.map((sysctl) => observeSysctl(context, sysctl)) ?? [];
  const segments = ipc?.segments.filter(({ isRemoved }) => !isRemoved).map(({ id }) => observeSegment(context, id)) ??
    [];
  const queues = ipc?.queues.map(({ id }) => observeQueue(context, id)) ?? [];
  const semaphores = ipc?.semaphores.map((set) => observeSemaphores(context, set)) ?? [];
  return {
    calls: [names, nets, ...sysctls, ...segments, ...queues, ...semaphores]
      .flatMap((observation) => observation?.calls ?? []),
    read: () => ({
      ...names === undefined ? {} : { uts: names.read() },
      nets: nets.read(),
      sysctls: new Map(sysctls.map(({ read }) => read())),
      segments: segments.map(({ read }) => read()),
      queues: queues.map(({ read }) => read()),
      semaphores: semaphores.map(({ read }) => read()),
    }),
  };
}

function observeNames(context: NamespacesContext): Observation<UtsNamespace> {
  const output = new Uint8Array(NAMES * NAME_SIZE);
  const nameAt = (index: number) => textOf(output.subarray(index * NAME_SIZE, (index + 1) * NAME_SIZE));
  return {
    calls: [remoteCall(context, "uname", [{ output }], { attempt: "Cannot read the names of the host" })],
    read: () => ({ hostName: nameAt(NODE_NAME), domainName: nameAt(DOMAIN_NAME) }),
  };
}

function observeSegment(
  context: NamespacesContext,
  id: number,
): Observation<ObservedNamespaces["segments"][number]> {
  const output = new Uint8Array(SHMID_SIZE);
  const view = new DataView(output.buffer);
  return {
    calls: [remoteCall(context, "shmctl", [id, IPC_STAT, { output }], look("shared memory", id))],
    read: () => ({
      ...decodeObject(id, view),
      size: Number(view.getBigUint64(SHM_SEGSZ, true)),
      isLocked: (shmMode(view) & SHM_LOCKED) !== 0,
    }),
  };
}

function observeQueue(context: NamespacesContext, id: number): Observation<ObservedNamespaces["queues"][number]> {
  const output = new Uint8Array(MSQID_SIZE);
  const view = new DataView(output.buffer);
  return {
    calls: [remoteCall(context, "msgctl", [id, IPC_STAT, { output }], look("message queue", id))],
    read: () => ({
      ...decodeObject(id, view),
      capacity: Number(view.getBigUint64(MSG_QBYTES, true)),
      count: Number(view.getBigUint64(MSG_QNUM, true)),
    }),
  };
}

function observeSemaphores(
  context: NamespacesContext,
  { id, values }: IpcPlan["semaphores"][number],
): Observation<ObservedNamespaces["semaphores"][number]> {
  const output = new Uint8Array(SEMID_SIZE);
  const all = new Uint8Array(2 * values.length);
  const purpose = look("set of semaphores", id);
  return {
    calls: [
      remoteCall(context, "semctl", [id, 0, IPC_STAT, { output }], purpose),
      remoteCall(context, "semctl", [id, 0, GETALL, { output: all }], purpose),
    ],
    read: () => ({ ...decodeObject(id, new DataView(output.buffer)), values: [...new Uint16Array(all.buffer)] }),
  };
}

function look(kind: string, id: IpcObject["id"]): Purpose {
  return { attempt: `Cannot look at the ${kind} ${id}` };
}
