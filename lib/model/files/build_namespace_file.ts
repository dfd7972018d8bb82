import type { NsFileEntry } from "../../gen/other_files.ts";
import type { TaskKobjIdsEntry } from "../../gen/task_kobj_ids.ts";
import { NAMESPACE_FIELDS } from "../build_namespaces.ts";
import type { NamespaceKind } from "../checkpoint.ts";
import type { UnknownFile } from "../open_file.ts";
import type { NamespaceFile } from "./namespace_file.ts";

/** The namespaces by which those that are open are known. */
export interface NamespaceIds {
  /** By pid, the root task first. */
  readonly tasks: ReadonlyMap<number, TaskKobjIdsEntry>;
  readonly dumper: TaskKobjIdsEntry | undefined;
}

/** CLONE_NEW* (linux/sched.h). */
const KINDS: ReadonlyMap<number, NamespaceKind> = new Map([
  [0x80, "time"],
  [0x2_0000, "mnt"],
  [0x200_0000, "cgroup"],
  [0x400_0000, "uts"],
  [0x800_0000, "ipc"],
  [0x1000_0000, "user"],
  [0x2000_0000, "pid"],
  [0x4000_0000, "net"],
]);

export function buildNamespaceFile(
  id: number,
  { nsId, nsCflag, flags }: NsFileEntry,
  ids: NamespaceIds,
): NamespaceFile | UnknownFile {
  const [of, field] = NAMESPACE_FIELDS.find(([kind]) => kind === KINDS.get(nsCflag)) ?? [];
  if (of === undefined || field === undefined) return { kind: "unknown", id, what: "a namespace of an unknown kind" };
  const is = (entry: TaskKobjIdsEntry | undefined) => nsId !== 0 && entry?.[field] === nsId;
  const file = { kind: "namespace", id, flags, of } as const;
  const [[root] = []] = ids.tasks;
  const [pid] = ids.tasks.entries().find(([, entry]) => is(entry)) ?? [];
  if (pid === undefined) return { ...file, whose: is(ids.dumper) ? "dumper" : "others" };
  return { ...file, whose: "tasks", ...pid === root ? {} : { pid } };
}
