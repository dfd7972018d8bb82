import type { Clocks, IpcNamespace, UtsNamespace } from "../model/namespaces.ts";
import type { Mount } from "../model/mounts.ts";
import type { NamespacesPlan } from "../plan/contents/namespaces/namespaces_plan.ts";
import type { MountsPlan, MountStep } from "../plan/contents/namespaces/mounts_plan.ts";
import { count, printable } from "./printable.ts";

const SECOND = 1e9;

interface DescribedNamespaces {
  readonly uts?: UtsNamespace;
  readonly ipc?: Pick<IpcNamespace, "segments" | "queues" | "semaphores">;
  readonly mounts?: readonly Mount[];
}

/** What namespaces have, a line for each. */
export function describeNamespaces({ uts, ipc, mounts }: DescribedNamespaces): string[] {
  return [
    ...uts === undefined ? [] : [`uts: host ${quote(uts.hostName)}, domain ${quote(uts.domainName)}`],
    ...ipc === undefined ? [] : [`ipc: ${describeIpc(ipc)}`],
    ...mounts === undefined ? [] : describeMounts(mounts.map(describeMount)),
  ];
}

/** What namespaces are made, a line for each. */
export function describeMadeNamespaces({ uts, ipc, clockOffsets, mounts }: NamespacesPlan): string[] {
  return [
    ...describeNamespaces({ ...uts === undefined ? {} : { uts }, ...ipc === undefined ? {} : { ipc } }),
    ...clockOffsets === undefined ? [] : [`time: ${describeOffsets(clockOffsets)}`],
    ...mounts === undefined ? [] : describeMounts(mounts.steps.map((step) => describeStep(step, mounts))),
  ];
}

function describeMounts(lines: readonly string[]): string[] {
  return [`mnt: ${count(lines.length, "mount")}`, ...lines.map((line) => `  ${line}`)];
}

function describeMount({ mountPoint, type, root, external, tree }: Mount): string {
  const what = type === "" ? "file system" : type;
  const part = root === "/" || external !== undefined ? "" : `, ${quote(root)} of it`;
  const outside = external === undefined ? "" : `, external as ${quote(external)}`;
  return `${quote(mountPoint)}: ${what}${part}${outside}${describeFiles(tree ?? [])}`;
}

function describeStep({ mountPoint, source }: MountStep, { steps }: MountsPlan): string {
  switch (source.kind) {
    case "here":
      return `${quote(mountPoint)}: ${quote(source.path)} of this host`;
    case "part": {
      const base = steps[source.of]?.mountPoint ?? "";
      return `${quote(mountPoint)}: ${source.path === "" ? "the same as" : `${quote(source.path)} of`} ${quote(base)}`;
    }
    case "new":
      return `${quote(mountPoint)}: a new ${printable(source.type)}${describeFiles(source.files)}`;
  }
}

/** The directory itself is among them. */
function describeFiles({ length }: { readonly length: number }): string {
  return length <= 1 ? "" : ` with ${count(length - 1, "file")}`;
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
