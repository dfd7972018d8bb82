import type { Problem } from "../../errors.ts";
import { parseTimeOffsets } from "../../host/describe_clocks.ts";
import { parseMounts } from "../../host/parse_mounts.ts";
import type { IpcObject, IpcSegment, MessageQueue, SemaphoreSet, UtsNamespace } from "../../model/namespaces.ts";
import type { MadeNamespace, NamespacesPlan } from "../../plan/contents/namespaces/namespaces_plan.ts";
import { readText } from "../../sys/files.ts";
import { reading, type TaskObserver } from "../verify_tasks.ts";
import { compareMounts } from "./compare_mounts.ts";

/** What the kernel says of namespaces that were made, seen from within. */
export interface ObservedNamespaces {
  /** What /proc/PID/ns says of those that are in them. */
  readonly links: ReadonlyMap<MadeNamespace, string>;
  readonly uts?: UtsNamespace;
  /** Values by path. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly segments: readonly ObservedSegment[];
  readonly queues: readonly ObservedQueue[];
  readonly semaphores: readonly SemaphoreSet[];
}

export type ObservedSegment = IpcObject & Pick<IpcSegment, "size" | "isLocked">;

export type ObservedQueue = IpcObject & Pick<MessageQueue, "capacity"> & { readonly count: number };

/** Tells how namespaces differ from the plan, and which of the tasks `pids` are not in them. */
export function verifyNamespaces(
  observer: TaskObserver,
  plan: NamespacesPlan,
  { observed, pids }: { readonly observed: ObservedNamespaces; readonly pids: readonly number[] },
): Problem[] {
  const { sys, hostPid } = observer;
  const [root = 0] = pids;
  const what = compareNamespaces(plan, observed);
  return [
    ...what.map((what) => ({ where: "namespaces", what })),
    ...pids.flatMap((pid) => (
      reading(`task ${pid}`, () => (
        [...observed.links].flatMap(([kind, link]) => (
          difference(`its ${kind} namespace`, link, sys.readLink(`/proc/${hostPid(pid)}/ns/${kind}`))
        ))
      ))
    )),
    ...reading("mnt namespace", () => compareMountsOf(plan, () => readText(sys, `/proc/${hostPid(root)}/mountinfo`))),
    ...reading("namespaces", () => compareClocks(plan, () => readText(sys, `/proc/${hostPid(root)}/timens_offsets`))),
  ];
}

function compareMountsOf({ mounts }: NamespacesPlan, read: () => string): string[] {
  return mounts === undefined ? [] : compareMounts(mounts, parseMounts(read()));
}

function compareClocks({ clockOffsets }: NamespacesPlan, read: () => string): string[] {
  if (clockOffsets === undefined) return [];
  const { monotonic, boottime } = parseTimeOffsets(read());
  return [
    ...difference("the offset of the monotonic clock", `${clockOffsets.monotonic} ns`, `${monotonic} ns`),
    ...difference("the offset of the clock since boot", `${clockOffsets.boottime} ns`, `${boottime} ns`),
  ];
}

/** How namespaces differ from the plan. */
export function compareNamespaces({ uts, ipc }: NamespacesPlan, observed: ObservedNamespaces): string[] {
  return [
    ...difference("the host name", uts?.hostName, observed.uts?.hostName),
    ...difference("the domain name", uts?.domainName, observed.uts?.domainName),
    ...(ipc?.sysctls ?? []).flatMap(({ path, value }) => (
      difference(`the sysctl ${path.replaceAll("/", ".")}`, value, observed.sysctls.get(path))
    )),
    ...compareObjects("the shared memory", ipc?.segments.filter(({ isRemoved }) => !isRemoved) ?? [], {
      found: observed.segments,
      describe: ({ size, isLocked }) => `${size} bytes${isLocked ? ", locked" : ""}`,
    }),
    ...compareObjects(
      "the message queue",
      ipc?.queues.map((queue) => ({ ...queue, count: queue.messages.length })) ?? [],
      {
        found: observed.queues,
        describe: ({ count, capacity }) => `${count} messages, for ${capacity} bytes`,
      },
    ),
    ...compareObjects("the set of semaphores", ipc?.semaphores ?? [], {
      found: observed.semaphores,
      describe: ({ values }) => values.join(" "),
    }),
  ];
}

function compareObjects<T extends IpcObject>(
  what: string,
  wanted: readonly T[],
  { found, describe }: { readonly found: readonly T[]; readonly describe: (object: T) => string },
): string[] {
  const describeAll = (object: T) => `${describeObject(object)}, ${describe(object)}`;
  return wanted.flatMap((object) => {
    const other = found.find(({ id }) => id === object.id);
    return difference(`${what} ${object.id}`, describeAll(object), other && describeAll(other));
  });
}

function describeObject({ key, mode, uid, gid, creatorUid, creatorGid }: IpcObject): string {
  return `key 0x${key.toString(16)}, mode ${mode.toString(8)}, of ${uid}:${gid}, by ${creatorUid}:${creatorGid}`;
}

function difference(what: string, expected: string | undefined, actual: string | undefined): string[] {
  if (expected === undefined || expected === actual) return [];
  const found = actual === undefined ? "missing" : JSON.stringify(actual);
  return [`${what} is ${found}, and should be ${JSON.stringify(expected)}`];
}
