import type { Problem } from "../errors.ts";
import type { TaskKobjIdsEntry } from "../gen/task_kobj_ids.ts";
import type { Images } from "../image/images.ts";
import type { CgroupSet, Checkpoint, NamespaceKind, Task } from "./checkpoint.ts";

/** Where images have the id of each kind of namespace. */
export const NAMESPACE_FIELDS = [
  ["pid", "pidNsId"],
  ["net", "netNsId"],
  ["ipc", "ipcNsId"],
  ["uts", "utsNsId"],
  ["mnt", "mntNsId"],
  ["user", "userNsId"],
  ["cgroup", "cgroupNsId"],
  ["time", "timeNsId"],
] as const satisfies readonly (readonly [NamespaceKind, keyof TaskKobjIdsEntry])[];

/** What tells of namespaces. */
interface NamespaceFacts {
  readonly tasks: readonly Task[];
  readonly sets: ReadonlyMap<number, CgroupSet>;
  readonly problems: Problem[];
}

/**
 * The kinds of namespace in which the tasks lived and the dumping CRIU did not, and the tasks that were in others than
 * the root.
 *
 * A kind of which either side says nothing counts as shared. Tasks in different pid or cgroup namespaces are a
 * problem: pids and paths would not mean the same for all of them.
 */
export function buildNamespaces(
  { inventory, ids, pidns }: Images,
  facts: NamespaceFacts,
): Pick<Checkpoint, "namespaces" | "strangers" | "externalPidNamespace"> {
  const root = facts.tasks[0];
  const rootIds = root === undefined ? undefined : ids.get(root.pid);
  const kinds = new Set(differingKinds(rootIds, inventory.rootIds));
  const strangers = new Map<NamespaceKind, number[]>();
  for (const { pid } of facts.tasks) {
    for (const kind of differingKinds(ids.get(pid), rootIds)) {
      kinds.add(kind);
      strangers.set(kind, [...strangers.get(kind) ?? [], pid].sort((a, b) => a - b));
      if (kind !== "pid" && kind !== "cgroup") continue;
      const what = `the task is in another ${kind} namespace than the root task ${root?.pid}, which is not supported`;
      facts.problems.push({ where: `ids-${pid}.img, entry 0`, what });
    }
  }
  if (hasNamespaceRoot(facts.sets)) kinds.add("cgroup");
  const key = pidns?.extKey;
  return { namespaces: kinds, strangers, ...key === undefined ? {} : { externalPidNamespace: key } };
}

/** The kinds in which two tasks differ. The fields are optional: 0, which is no id, says nothing. */
function differingKinds(one: TaskKobjIdsEntry | undefined, other: TaskKobjIdsEntry | undefined): NamespaceKind[] {
  if (one === undefined || other === undefined || one === other) return [];
  const kinds: NamespaceKind[] = [];
  for (const [kind, field] of NAMESPACE_FIELDS) {
    if (one[field] !== 0 && other[field] !== 0 && one[field] !== other[field]) kinds.push(kind);
  }
  return kinds;
}

function hasNamespaceRoot(sets: ReadonlyMap<number, CgroupSet>): boolean {
  for (const { members } of sets.values()) {
    if (members.some((member) => member.namespaceRoot !== undefined)) return true;
  }
  return false;
}
