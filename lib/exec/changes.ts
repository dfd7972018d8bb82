import { SysError } from "../errors.ts";
import { encodeText } from "../text.ts";
import { joinPath, relativePath } from "../model/cgroup_path.ts";
import type { HierarchyName } from "../model/hierarchy.ts";
import type { WriteProperty } from "../plan/plan.ts";
import { O_RDONLY, O_WRONLY } from "../sys/constants.ts";
import type { FileStatus, Sys } from "../sys/sys.ts";
import type { Yard } from "./yard.ts";

/** One change of a cgroup, as plain data. Those that undo are done by us from the journal, or compiled for the guard. */
export type CgroupChange =
  | { readonly kind: "remove"; readonly hierarchy: HierarchyName; readonly path: string }
  | {
    readonly kind: "permissions";
    readonly hierarchy: HierarchyName;
    readonly path: string;
    readonly to: Pick<FileStatus, "mode" | "uid" | "gid">;
  }
  /** `path` is a file's. */
  | { readonly kind: "write"; readonly hierarchy: HierarchyName; readonly path: string; readonly value: string };

/** What to write(2) for a value: an empty write is not seen by cgroupfs at all; a newline is. */
export function encodeValue(value: string): Uint8Array<ArrayBuffer> {
  return encodeText(value === "" ? "\n" : value);
}

/** Makes one change through the yard. */
export function applyChange(sys: Sys, yard: Yard, change: CgroupChange): void {
  const root = yard.root(change.hierarchy);
  const path = relativePath(change.path);
  if (change.kind === "remove") return removeCgroup(sys, root, path);
  const fd = sys.openBeneath(root, path, change.kind === "write" ? O_WRONLY : O_RDONLY);
  try {
    if (change.kind === "write") {
      sys.write(fd, encodeValue(change.value));
    } else {
      sys.fchown(fd, change.to.uid, change.to.gid);
      sys.fchmod(fd, change.to.mode & 0o7777);
    }
  } finally {
    sys.close(fd);
  }
}

/** A cgroup stays busy for a moment after its last task has been reaped: css are freed later (cgroup-v2.rst). */
function removeCgroup(sys: Sys, root: number, path: string): void {
  for (let attempt = 0;; attempt++) {
    try {
      return sys.rmdirat(root, path);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== "EBUSY" || attempt === 50) throw error;
      sys.sleep(10);
    }
  }
}

/** How to take back `step`; `before` is what the file to read from said before it. */
export function undoProperty(step: WriteProperty, before: string): CgroupChange[] {
  return undoWrites(step, before.replace(/\n$/, "")).map(([file, value]) => (
    { kind: "write", hierarchy: step.hierarchy, path: joinPath(step.path, file), value }
  ));
}

/** Files that take changes get the inverse ones; other files take their old value. */
function undoWrites(step: WriteProperty, before: string): (readonly [file: string, value: string])[] {
  const { file, writes } = step;
  switch (file) {
    case "cgroup.subtree_control":
      return undoControllers(writes, before).map((value) => [file, value]);
    case "devices.allow":
    case "devices.deny":
      return undoDevices(step, before);
    case "freezer.state":
      return [[file, before === "THAWED" ? before : "FROZEN"]];
    case "memory.oom_control":
      return [[file, /\d+/.exec(before)?.[0] ?? "0"]];
    default:
      // Files of several lines take one in each write: io.max, net_prio.ifpriomap.
      return before.split("\n").map((value) => [file, value]);
  }
}

function undoControllers(writes: readonly string[], before: string): string[] {
  const had = new Set(before.split(/\s+/));
  const changes = writes.flatMap((write) => write.split(/\s+/)).filter((change) => change !== "");
  return changes
    .filter((change) => had.has(change.slice(1)) !== change.startsWith("+"))
    .map((change) => `${change.startsWith("+") ? "-" : "+"}${change.slice(1)}`);
}

/** Every device; exceptions that were denied afterwards are not listed (security/device_cgroup.c). */
const ALL_DEVICES = "a *:* rwm";

function undoDevices({ file, writes }: WriteProperty, before: string): (readonly [file: string, value: string])[] {
  const rules = before.split("\n").filter((rule) => rule !== "");
  const hadAll = rules.includes(ALL_DEVICES);
  if (file === "devices.deny") {
    return (hadAll ? writes : rules).map((rule) => ["devices.allow", rule]);
  }
  if (hadAll) return [];
  const denied = writes.filter((rule) => !rules.includes(rule));
  return [
    ...denied.map((rule) => ["devices.deny", rule] as const),
    ...rules.map((rule) => ["devices.allow", rule] as const),
  ];
}

/** Moves the task `hostPid` from outside. */
export function moveTask(hostPid: number, hierarchy: HierarchyName, path: string): CgroupChange {
  return { kind: "write", hierarchy, path: joinPath(path, "cgroup.procs"), value: String(hostPid) };
}
