import type { Clocks, IpcNamespace, UtsNamespace } from "../model/namespaces.ts";
import type { NamespacesPlan } from "../plan/contents/namespaces/namespaces_plan.ts";
import { count, printable } from "./printable.ts";

const SECOND = 1e9;

interface DescribedNamespaces {
  readonly uts?: UtsNamespace;
  readonly ipc?: Pick<IpcNamespace, "segments" | "queues" | "semaphores">;
}

/** What namespaces have, a line for each. */
export function describeNamespaces({ uts, ipc }: DescribedNamespaces): string[] {
  return [
    ...uts === undefined ? [] : [`uts: host ${quote(uts.hostName)}, domain ${quote(uts.domainName)}`],
    ...ipc === undefined ? [] : [`ipc: ${describeIpc(ipc)}`],
  ];
}

/** What namespaces are made, a line for each. */
export function describeMadeNamespaces({ uts, ipc, clockOffsets }: NamespacesPlan): string[] {
  return [
    ...describeNamespaces({ ...uts === undefined ? {} : { uts }, ...ipc === undefined ? {} : { ipc } }),
    ...clockOffsets === undefined ? [] : [`time: ${describeOffsets(clockOffsets)}`],
  ];
}

function describeIpc({ segments, queues, semaphores }: NonNullable<DescribedNamespaces["ipc"]>): string {
  const messages = queues.reduce((sum, queue) => sum + queue.messages.length, 0);
  const objects = [
    ...segments.length === 0 ? [] : [count(segments.length, "segment of shared memory", "segments of shared memory")],
    ...queues.length === 0 ? [] : [`${count(queues.length, "message queue")} with ${count(messages, "message")}`],
    ...semaphores.length === 0 ? [] : [count(semaphores.length, "set of semaphores", "sets of semaphores")],
  ];
  return objects.length === 0 ? "no System V objects" : objects.join(", ");
}

function quote(name: string): string {
  return `"${printable(name)}"`;
}

function describeOffsets({ monotonic, boottime }: Clocks): string {
  const [clock, boot] = [monotonic, boottime].map((offset) => `${(Number(offset) / SECOND).toFixed(3)} s`);
  return `monotonic clock ${clock} and clock since boot ${boot} from this host's`;
}
